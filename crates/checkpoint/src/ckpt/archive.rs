use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use zip::{CompressionMethod, ZipArchive};

use crate::Error;

/// The zip file of a `.ckpt`, memory mapped. Its parts lie uncompressed in it, so that a tensor's bytes are a slice.
pub(super) struct Archive {
    path: PathBuf,
    map: Mmap,
    parts: HashMap<String, Part>,
    /// Name of the folder in the zip that everything is in.
    folder: String,
    /// Parts whose checksum has been verified.
    checked: RefCell<HashSet<usize>>,
}

struct Part {
    bytes: Range<usize>,
    crc32: u32,
}

/// The programs of released files take some 300 kB.
const MAX_PICKLE_BYTES: usize = 32 << 20;

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        // SAFETY: as for `WeightFile`: read-only, and a finished download is not written to.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        let refuse = |reason: String| Error::Ckpt { path: path.to_owned(), reason };
        let mut zip =
            ZipArchive::new(Cursor::new(&map[..])).map_err(|error| refuse(format!("no sound zip: {error}")))?;
        let mut parts = HashMap::new();
        for index in 0..zip.len() {
            let part = zip.by_index_raw(index).map_err(|error| refuse(format!("no sound zip: {error}")))?;
            let name = part.name().map_err(|error| refuse(format!("no sound zip: {error}")))?.into_owned();
            if part.encrypted() || part.compression() != CompressionMethod::Stored {
                return Err(refuse(format!("{name} is compressed or encrypted")));
            }
            let bytes = part
                .data_start()
                .and_then(|start| {
                    Some(usize::try_from(start).ok()?..usize::try_from(start.checked_add(part.size())?).ok()?)
                })
                .filter(|bytes| part.size() == part.compressed_size() && bytes.end <= map.len())
                .ok_or_else(|| refuse(format!("{name} lies outside the file")))?;
            if parts.insert(name.clone(), Part { bytes, crc32: part.crc32() }).is_some() {
                return Err(refuse(format!("{name} is there twice")));
            }
        }
        drop(zip);
        let mut folders = parts.keys().filter_map(|name| name.strip_suffix("/data.pkl"));
        let folder = match (folders.next(), folders.next()) {
            (Some(folder), None) => folder.to_owned(),
            _ => return Err(refuse("has not exactly one data.pkl".to_owned())),
        };
        let archive = Self { path: path.to_owned(), map, parts, folder, checked: RefCell::default() };
        archive.check_byte_order()?;
        Ok(archive)
    }

    /// Bytes of the whole file.
    pub(super) fn size(&self) -> u64 {
        self.map.len() as u64
    }

    /// The program that builds the dictionary.
    pub(super) fn pickle(&self) -> Result<&[u8], Error> {
        let program = self.part("data.pkl")?;
        if program.len() > MAX_PICKLE_BYTES {
            return Err(self.refuse(format!("data.pkl has {} bytes", program.len())));
        }
        Ok(program)
    }

    /// The bytes of a storage, by the key that the pickle gives it.
    pub(super) fn storage(&self, key: &str) -> Result<&[u8], Error> {
        self.part(&format!("data/{key}"))
    }

    fn check_byte_order(&self) -> Result<(), Error> {
        let name = format!("{}/byteorder", self.folder);
        match self.parts.contains_key(&name) {
            true if self.part("byteorder")? != b"little" => Err(self.refuse("is not little-endian".to_owned())),
            _ => Ok(()),
        }
    }

    /// A part by its name in the folder; its checksum is verified when it is first asked for.
    fn part(&self, name: &str) -> Result<&[u8], Error> {
        let full = format!("{}/{name}", self.folder);
        let part = self.parts.get(&full).ok_or_else(|| self.refuse(format!("has no {full}")))?;
        let bytes = &self.map[part.bytes.clone()];
        if !self.checked.borrow().contains(&part.bytes.start) {
            if crc32fast::hash(bytes) != part.crc32 {
                return Err(self.refuse(format!("{full} is damaged (checksum)")));
            }
            self.checked.borrow_mut().insert(part.bytes.start);
        }
        Ok(bytes)
    }

    fn refuse(&self, reason: String) -> Error {
        Error::Ckpt { path: self.path.clone(), reason }
    }
}
