use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use tempfile::NamedTempFile;

use crate::Error;

/// A tensor that is going to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Element type, of whole bytes.
    pub dtype: Dtype,
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
}

/// Called with the number of bytes written and the total.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Readers refuse longer headers.
const MAX_HEADER_BYTES: usize = 100_000_000;

/// Writes a safetensors file tensor by tensor, in bounded memory. `fill` is called once for each entry, in the order of
/// the file, and writes the tensor's bytes: row-major, little-endian, exactly as many as its shape takes.
///
/// The file appears under its name only when it is complete; on an error nothing is left behind. Tensors are ordered by
/// type, then name, as the reference writer of safetensors orders them.
///
/// # Errors
/// [`Error::Io`]; [`Error::Tensor`] if an entry is impossible, or was given more or fewer bytes than it takes; what
/// `fill` returns.
pub fn write_safetensors(
    path: &Path,
    mut entries: Vec<Entry>,
    progress: Progress<'_>,
    mut fill: impl FnMut(&Entry, &mut dyn Write) -> Result<(), Error>,
) -> Result<u64, Error> {
    sort(&mut entries);
    let (header, sizes) = header(&entries)?;
    let total = file_size(&header, &sizes);

    let temporary = beside(path)?;
    let mut sink = Counted { file: BufWriter::with_capacity(1 << 20, temporary.as_file()), written: 0 };
    sink.write_all(&(header.len() as u64).to_le_bytes()).map_err(Error::io(path))?;
    sink.write_all(&header).map_err(Error::io(path))?;
    for (entry, size) in entries.iter().zip(sizes) {
        let before = sink.written;
        fill(entry, &mut sink)?;
        let given = sink.written - before;
        if given != size {
            return Err(Error::tensor(&entry.name, format!("takes {size} bytes, was given {given}")));
        }
        progress(sink.written, total);
    }
    sink.flush().map_err(Error::io(path))?;
    drop(sink);
    persist(temporary, path)?;
    Ok(total)
}

/// Size of the file that [`write_safetensors`] would make, in bytes.
///
/// # Errors
/// [`Error::Tensor`] if an entry is impossible.
pub fn safetensors_size(mut entries: Vec<Entry>) -> Result<u64, Error> {
    sort(&mut entries);
    let (header, sizes) = header(&entries)?;
    Ok(file_size(&header, &sizes))
}

fn sort(entries: &mut [Entry]) {
    entries.sort_by(|a, b| b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name)));
}

fn file_size(header: &[u8], sizes: &[u64]) -> u64 {
    sizes.iter().sum::<u64>() + (size_of::<u64>() + header.len()) as u64
}

/// Bytes of an entry.
pub(crate) fn byte_size(entry: &Entry) -> Result<u64, Error> {
    let bits = entry.dtype.bitsize() as u64;
    let size = entry.shape.iter().try_fold(bits / 8, |size, &n| size.checked_mul(n as u64));
    match size {
        Some(size) if bits.is_multiple_of(8) && size <= i64::MAX as u64 => Ok(size),
        _ => Err(Error::tensor(&entry.name, format!("{:?} of shape {:?} cannot be stored", entry.dtype, entry.shape))),
    }
}

/// A temporary file in the folder of `path`.
pub(crate) fn beside(path: &Path) -> Result<NamedTempFile, Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut builder = tempfile::Builder::new();
    // Temporary files are readable by their owner only; a model is readable by all.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder.prefix(".orfeas-").tempfile_in(folder).map_err(Error::io(folder))
}

/// Gives a complete temporary file its name, replacing what was there.
pub(crate) fn persist(temporary: NamedTempFile, path: &Path) -> Result<(), Error> {
    temporary.as_file().sync_all().map_err(Error::io(path))?;
    temporary.persist(path).map_err(|error| Error::Io { path: path.to_owned(), source: error.error })?;
    Ok(())
}

fn header(entries: &[Entry]) -> Result<(Vec<u8>, Vec<u64>), Error> {
    let mut sizes = Vec::with_capacity(entries.len());
    let mut infos = Vec::with_capacity(entries.len());
    let mut offset = 0u64;
    for pair in entries.windows(2) {
        if pair[0].name == pair[1].name {
            return Err(Error::tensor(&pair[0].name, "there twice"));
        }
    }
    for entry in entries {
        let size = byte_size(entry)?;
        let end = offset.checked_add(size).ok_or_else(|| Error::tensor(&entry.name, "beyond the largest file"))?;
        let data_offsets = (offset as usize, end as usize);
        infos.push((entry.name.clone(), TensorInfo { dtype: entry.dtype, shape: entry.shape.clone(), data_offsets }));
        sizes.push(size);
        offset = end;
    }
    let metadata = Metadata::new(None, infos).map_err(|error| Error::tensor("header", error))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| Error::tensor("header", error))?;
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    if header.len() > MAX_HEADER_BYTES {
        return Err(Error::tensor("header", "longer than 100 MB"));
    }
    Ok((header, sizes))
}

struct Counted<'a> {
    file: BufWriter<&'a File>,
    written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashMap;

    use safetensors::tensor::TensorView;

    use super::*;
    use crate::WeightFile;

    fn entry(name: &str, dtype: Dtype, shape: &[usize]) -> Entry {
        Entry { name: name.into(), dtype, shape: shape.into() }
    }

    #[test]
    fn the_same_bytes_as_the_reference_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/model.safetensors");
        let data: HashMap<&str, Vec<u8>> =
            HashMap::from([("b", vec![1; 8]), ("a", vec![2; 12]), ("c", vec![3; 3]), ("none", vec![])]);
        let entries = vec![
            entry("b", Dtype::F16, &[4]),
            entry("none", Dtype::F32, &[0, 7]),
            entry("c", Dtype::U8, &[3]),
            entry("a", Dtype::F32, &[3, 1]),
        ];
        let mut last = (0, 0);
        let written =
            write_safetensors(&path, entries.clone(), &mut |done, total| last = (done, total), |entry, sink| {
                sink.write_all(&data[entry.name.as_str()]).map_err(Error::io(Path::new("sink")))
            })
            .unwrap();
        let views = entries.iter().map(|entry| {
            let name = entry.name.as_str();
            (name, TensorView::new(entry.dtype, entry.shape.clone(), &data[name]).unwrap())
        });
        assert_eq!(std::fs::read(&path).unwrap(), safetensors::serialize(views, None).unwrap());
        assert_eq!(last, (written, written));
        assert_eq!(safetensors_size(entries).unwrap(), written);
        assert_eq!(WeightFile::open(&path).unwrap().file_size(), written);
    }

    #[test]
    fn a_tensor_of_the_wrong_size_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        for bytes in [&[0u8; 3][..], &[0; 5]] {
            let entries = vec![entry("a", Dtype::F32, &[1])];
            let error = write_safetensors(&path, entries, &mut |_, _| {}, |_, sink| {
                sink.write_all(bytes).map_err(Error::io(Path::new("sink")))
            });
            assert!(matches!(error, Err(Error::Tensor { .. })));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn impossible_entries_are_refused() {
        let impossible = [
            vec![entry("a", Dtype::F32, &[usize::MAX, 2])],
            vec![entry("a", Dtype::F4, &[3])],
            vec![entry("a", Dtype::F32, &[1]), entry("a", Dtype::F32, &[1])],
        ];
        let dir = tempfile::tempdir().unwrap();
        for entries in impossible {
            let error = write_safetensors(&dir.path().join("x"), entries, &mut |_, _| {}, |_, _| Ok(()));
            assert!(matches!(error, Err(Error::Tensor { .. })));
        }
    }
}
