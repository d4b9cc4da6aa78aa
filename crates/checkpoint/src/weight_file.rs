use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};

use crate::Error;

/// A safetensors file, memory mapped: opening reads the header only, a tensor's bytes are read when they are used.
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    map: Mmap,
    metadata: Metadata,
    /// Where the tensors' bytes begin in `map`.
    data: usize,
    names: Vec<String>,
}

/// One tensor of a [`WeightFile`]: row-major, little-endian, contiguous.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    /// Element type.
    pub dtype: Dtype,
    /// Sizes, outermost first; empty for a scalar.
    pub shape: &'a [usize],
    /// The elements. Not necessarily aligned for their type.
    pub data: &'a [u8],
}

impl WeightFile {
    /// Maps `path` and checks its header: offsets inside the file, without gaps or overlaps, sizes that fit shapes.
    ///
    /// The file must not be changed while it is open.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Safetensors`] if the header is invalid or does not fit the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io(path))?;
        // SAFETY: the mapping is read-only, and model files are replaced by rename, never written in place. If
        // another process truncates the file, this one ends with SIGBUS; reading 5 GB into memory would avoid that at too
        // high a cost.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        let (header, metadata) =
            SafeTensors::read_metadata(&map).map_err(|source| Error::Safetensors { path: path.to_owned(), source })?;
        let names = metadata.offset_keys();
        Ok(Self { path: path.to_owned(), map, metadata, data: size_of::<u64>() + header, names })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, in the order of their bytes in the file.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let info = self.metadata.info(name)?;
        let (start, end) = info.data_offsets;
        Some(TensorView { dtype: info.dtype, shape: &info.shape, data: &self.map[self.data + start..self.data + end] })
    }

    /// Size of the whole file in bytes.
    pub fn file_size(&self) -> u64 {
        self.map.len() as u64
    }
}

impl TensorView<'_> {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.shape.iter().map(|&size| size as u64).product()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    fn file(header: &str, data: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(data).unwrap();
        file
    }

    #[test]
    fn tensors_come_back_as_stored() {
        let header = r#"{"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},
                         "a":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}"#;
        let file = file(header, &[1, 2, 3, 4, 5, 6]);
        let weights = WeightFile::open(file.path()).unwrap();
        assert_eq!(weights.names().collect::<Vec<_>>(), ["a", "b"]);
        let a = weights.tensor("a").unwrap();
        assert_eq!((a.dtype, a.shape, a.data), (Dtype::F16, &[1, 2][..], &[1, 2, 3, 4][..]));
        assert_eq!(a.elements(), 2);
        assert_eq!(weights.tensor("b").unwrap().data, [5, 6]);
        assert!(weights.tensor("c").is_none());
        assert_eq!(weights.file_size(), 8 + header.len() as u64 + 6);
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let lies = [
            // a file shorter than its tensors
            r#"{"a":{"dtype":"F32","shape":[1024],"data_offsets":[0,4096]}}"#,
            // offsets that do not fit the shape
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,6]}}"#,
            // a shape whose size overflows
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,6]}}"#,
            // an overlap
            r#"{"a":{"dtype":"U8","shape":[6],"data_offsets":[0,6]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}"#,
            // bytes that belong to no tensor
            r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
            "not json",
        ];
        for lie in lies {
            let file = file(lie, &[0; 6]);
            assert!(matches!(WeightFile::open(file.path()), Err(Error::Safetensors { .. })), "{lie}");
        }
    }

    #[test]
    fn a_header_length_beyond_the_file_asks_for_no_memory() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&u64::MAX.to_le_bytes()).unwrap();
        assert!(matches!(WeightFile::open(file.path()), Err(Error::Safetensors { .. })));
    }

    #[test]
    fn an_empty_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(WeightFile::open(file.path()).is_err());
    }
}
