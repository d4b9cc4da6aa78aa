use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use safetensors::Dtype;

use super::pickle::{Id, Value, Values};
use crate::Error;

/// The tensors of a file by name.
pub(super) struct Found {
    pub(super) tensors: BTreeMap<String, StoredTensor>,
    pub(super) skipped: Vec<String>,
}

/// Where a tensor's elements lie in a storage.
#[derive(Debug)]
pub(super) struct StoredTensor {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) storage: String,
    /// In elements.
    stride: Vec<usize>,
    /// In elements.
    offset: usize,
    /// Elements that the storage must have.
    storage_len: u64,
}

/// Why a tensor could not be copied.
pub(super) enum WriteError {
    Sink(std::io::Error),
    Storage(String),
}

const MAX_DEPTH: usize = 4;
const MAX_NAME_BYTES: usize = 512;
/// A released file has some 1500.
const MAX_ENTRIES: usize = 1 << 17;

/// Flattens nested dictionaries. The error is the reason why the file was refused.
pub(super) fn collect(values: &Values) -> Result<Found, String> {
    let mut walk = Collect { values, visited: 0, found: Found { tensors: BTreeMap::new(), skipped: Vec::new() } };
    walk.dict(values.root, "", MAX_DEPTH)?;
    if walk.found.tensors.is_empty() {
        return Err("has no tensors".to_owned());
    }
    Ok(walk.found)
}

struct Collect<'a> {
    values: &'a Values,
    visited: usize,
    found: Found,
}

impl Collect<'_> {
    fn dict(&mut self, id: Id, prefix: &str, depth: usize) -> Result<(), String> {
        let Value::Dict(items) = &self.values.objects[id] else { return Err("is not a dictionary".to_owned()) };
        for &(key, value) in items {
            self.visited += 1;
            if self.visited > MAX_ENTRIES {
                return Err(format!("has more than {MAX_ENTRIES} entries"));
            }
            let Value::Text(key) = &self.values.objects[key] else { return Err("a key is not text".to_owned()) };
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            if name.len() > MAX_NAME_BYTES {
                return Err(format!("a name has {} bytes", name.len()));
            }
            match &self.values.objects[value] {
                Value::Dict(_) if depth > 0 => self.dict(value, &name, depth - 1)?,
                Value::Dict(_) => return Err("dictionaries are nested too deeply".to_owned()),
                Value::Tensor { storage, offset, size, stride } => {
                    let tensor = self.tensor(*storage, *offset, size, stride).map_err(|why| format!("{name} {why}"))?;
                    if self.found.tensors.insert(name.clone(), tensor).is_some() {
                        return Err(format!("{name} is there twice"));
                    }
                }
                _ => self.found.skipped.push(name),
            }
        }
        Ok(())
    }

    fn tensor(&self, storage: Id, offset: i64, size: &[i64], stride: &[i64]) -> Result<StoredTensor, String> {
        let Value::Storage(storage) = &self.values.objects[storage] else { return Err("has no storage".to_owned()) };
        let whole = |numbers: &[i64]| numbers.iter().map(|&n| usize::try_from(n)).collect::<Result<Vec<_>, _>>();
        let (Ok(shape), Ok(stride), Ok(offset)) = (whole(size), whole(stride), usize::try_from(offset)) else {
            return Err("has a negative size, stride or offset".to_owned());
        };
        if shape.len() != stride.len() {
            return Err("has not as many strides as sizes".to_owned());
        }
        if !shape.contains(&0) {
            let last = shape
                .iter()
                .zip(&stride)
                .try_fold(offset, |last, (size, stride)| last.checked_add((size - 1).checked_mul(*stride)?));
            if last.is_none_or(|last| last as u64 >= storage.len) {
                return Err("reaches beyond its storage".to_owned());
            }
        }
        let (dtype, storage_len) = (storage.dtype, storage.len);
        Ok(StoredTensor { dtype, shape, storage: storage.key.clone(), stride, offset, storage_len })
    }
}

impl StoredTensor {
    /// Writes the elements in row-major order, whatever their order in the storage.
    pub(super) fn write(&self, storage: &[u8], sink: &mut dyn Write) -> Result<(), WriteError> {
        let item = self.dtype.bitsize() / 8;
        if self.storage_len.checked_mul(item as u64) != Some(storage.len() as u64) {
            let (len, bytes) = (self.storage_len, storage.len());
            return Err(WriteError::Storage(format!("should lie in {len} elements, but there are {bytes} bytes")));
        }
        if self.shape.contains(&0) {
            return Ok(());
        }
        // The innermost sizes that lie side by side make one run.
        let mut outer = self.shape.len();
        let mut run = 1;
        while outer > 0 && (self.stride[outer - 1] == run || self.shape[outer - 1] == 1) {
            outer -= 1;
            run *= self.shape[outer];
        }
        let mut index = vec![0; outer];
        loop {
            let start: usize =
                self.offset + index.iter().zip(&self.stride).map(|(i, stride)| i * stride).sum::<usize>();
            sink.write_all(&storage[start * item..(start + run) * item]).map_err(WriteError::Sink)?;
            let Some(axis) = (0..outer).rev().find(|&axis| index[axis] + 1 < self.shape[axis]) else { return Ok(()) };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }
}

impl WriteError {
    pub(super) fn into_error(self, input: &Path, output: &Path, name: &str) -> Error {
        match self {
            WriteError::Sink(source) => Error::Io { path: output.to_owned(), source },
            WriteError::Storage(why) => Error::Ckpt { path: input.to_owned(), reason: format!("{name} {why}") },
        }
    }
}
