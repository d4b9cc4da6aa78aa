//! Published `.ckpt` files (zip with a pickle, as `torch.save` writes them) to safetensors.
//!
//! A pickle is a program. It is interpreted here with the instructions and names that a dictionary of tensors needs, and
//! without calling any code: any other instruction or name is an error that names it.

mod archive;
mod pickle;
mod tensors;

use std::path::Path;

use self::archive::Archive;
use self::tensors::StoredTensor;
use crate::writer::{Entry, Progress, byte_size, write_safetensors};
use crate::{Error, WeightFile};

/// The result of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// Number of tensors.
    pub tensors: usize,
    /// Bytes of the new file.
    pub bytes: u64,
    /// Entries that are no tensors, and were left out.
    pub skipped: Vec<String>,
}

/// Tensors may share storage, which the conversion copies for each. Real files grow by less than this factor.
const MOST_GROWTH: u64 = 2;

/// Converts `input` (`.ckpt`) to `output` (safetensors). Nested dictionaries become prefixes: `{"model": {"a": …}}` is
/// `model.a`. Types and bytes stay as they are; the file is read and written tensor by tensor.
///
/// # Errors
/// [`Error::Ckpt`] if the file is malformed or its pickle does more than build a dictionary of tensors; [`Error::Io`];
/// [`Error::Tensor`].
pub fn convert(input: &Path, output: &Path, progress: Progress<'_>) -> Result<Converted, Error> {
    let archive = Archive::open(input)?;
    let refuse = |reason: String| Error::Ckpt { path: input.to_owned(), reason };
    let program = archive.pickle()?;
    let values = pickle::run(program).map_err(refuse)?;
    let found = tensors::collect(&values).map_err(refuse)?;

    let mut total = 0u64;
    let mut entries = Vec::with_capacity(found.tensors.len());
    for (name, tensor) in &found.tensors {
        let entry = Entry { name: name.clone(), dtype: tensor.dtype, shape: tensor.shape.clone() };
        total = total.saturating_add(byte_size(&entry)?);
        entries.push(entry);
    }
    if total > MOST_GROWTH.saturating_mul(archive.size()) {
        return Err(refuse(format!("asks for {total} bytes of tensors in a file of {} bytes", archive.size())));
    }
    let bytes = write_safetensors(output, entries, progress, |entry, sink| {
        let tensor: &StoredTensor = &found.tensors[&entry.name];
        let storage = archive.storage(&tensor.storage)?;
        tensor.write(storage, sink).map_err(|error| error.into_error(input, output, &entry.name))
    })?;
    // The result is opened with the code that loads models.
    let tensors = WeightFile::open(output)?.names().len();
    Ok(Converted { tensors, bytes, skipped: found.skipped })
}
