use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use serde::{Deserialize, Serialize};

use crate::{Error, hex};

/// The facts about a file that a server announces before it sends the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Bytes.
    pub size: Option<u64>,
    /// The expected checksum.
    pub checksum: Option<Checksum>,
    /// Identifies the version of the file (its entity tag).
    pub version: Option<String>,
}

/// The checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checksum {
    /// SHA-256 of the bytes, lower-case hex: large files on a hub.
    Sha256(String),
    /// Id of the file as a git blob, lower-case hex: small files on a hub. It detects damage, not forgery.
    GitBlob(String),
}

/// A file that is being fetched. Its bytes are collected in `NAME.partial`, which a later run continues; the file gets its
/// name only when it is complete and verified.
pub struct Download {
    target: PathBuf,
    announced: Announced,
    file: File,
    len: u64,
    hashes: Hashes,
}

/// A complete, verified file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// Its name in the model directory.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

impl Announced {
    /// Whether the bytes can be verified; only then can a download be resumed.
    pub fn is_verifiable(&self) -> bool {
        match self.checksum {
            Some(Checksum::Sha256(_)) => true,
            Some(Checksum::GitBlob(_)) => self.size.is_some(),
            None => false,
        }
    }
}

impl Checksum {
    /// Recognises a checksum by its length: 64 hex digits are SHA-256, 40 a git blob. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        match (text.len(), text.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            (64, true) => Some(Self::Sha256(text)),
            (40, true) => Some(Self::GitBlob(text)),
            _ => None,
        }
    }
}

impl Download {
    /// Begins a download, or resumes the one of an earlier run for the same version.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Download`] if another process is fetching the same file.
    pub fn open(target: &Path, announced: Announced) -> Result<Self, Error> {
        let path = partial_path(target);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).clone();
        let file = options.open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::download(target, "another process is fetching it")),
            Err(TryLockError::Error(source)) => return Err(Error::Io { path, source }),
        }
        let hashes = Hashes::new(&announced);
        let mut download = Self { target: target.to_owned(), announced, file, len: 0, hashes };
        let same = download.announced.is_verifiable() && read_note(target).as_ref() == Some(&download.announced);
        if !same || !download.hash_stored()? {
            download.restart()?;
        }
        Ok(download)
    }

    /// The number of bytes that are stored already; the next bytes follow them.
    pub fn offset(&self) -> u64 {
        self.len
    }

    /// Whether all announced bytes are stored.
    pub fn is_full(&self) -> bool {
        self.announced.size == Some(self.len)
    }

    /// What the server announced.
    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Discards the stored bytes.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn restart(&mut self) -> Result<(), Error> {
        let path = partial_path(&self.target);
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(Error::io(&path))?;
        self.len = 0;
        self.hashes = Hashes::new(&self.announced);
        let note = serde_json::to_vec(&self.announced).map_err(|error| Error::download(&self.target, error))?;
        let path = note_path(&self.target);
        std::fs::write(&path, note).map_err(Error::io(&path))
    }

    /// Appends the next bytes.
    ///
    /// # Errors
    /// [`Error::Download`] if there are more than announced; [`Error::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let len = self.len + bytes.len() as u64;
        if let Some(size) = self.announced.size.filter(|&size| len > size) {
            self.restart()?;
            return Err(Error::download(
                &self.target,
                format!("the server sends more than the {size} bytes it announced"),
            ));
        }
        self.file.write_all(bytes).map_err(Error::io(&partial_path(&self.target)))?;
        self.hashes.update(bytes);
        self.len = len;
        Ok(())
    }

    /// Verifies the file and gives it its name. A file that fails is removed; one that is too short is kept.
    ///
    /// # Errors
    /// [`Error::Download`] if size or checksum is wrong; [`Error::Io`].
    pub fn finish(self) -> Result<Fetched, Error> {
        if let Some(size) = self.announced.size.filter(|&size| size != self.len) {
            return Err(Error::download(&self.target, format!("ends after {} of {size} bytes", self.len)));
        }
        let (partial, note) = (partial_path(&self.target), note_path(&self.target));
        let (sha256, difference) = self.hashes.finish(&self.announced);
        if let Some(difference) = difference {
            std::fs::remove_file(&partial).map_err(Error::io(&partial))?;
            let _ = std::fs::remove_file(note);
            return Err(Error::download(&self.target, format!("{difference}; the file was removed")));
        }
        self.file.sync_all().map_err(Error::io(&partial))?;
        std::fs::rename(&partial, &self.target).map_err(Error::io(&self.target))?;
        let _ = std::fs::remove_file(note);
        let name = self.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Fetched { name, size: self.len, sha256 })
    }

    /// Hashes the bytes of an earlier run. `false` if they cannot be the beginning of this file.
    fn hash_stored(&mut self) -> Result<bool, Error> {
        self.len = self.hashes.read(&mut self.file).map_err(Error::io(&partial_path(&self.target)))?;
        Ok(self.announced.size.is_none_or(|size| self.len <= size))
    }
}

/// The file at `target` if it is the announced one; `None` if it is not, or if the server announced no checksum.
///
/// # Errors
/// [`Error::Io`].
pub fn already_fetched(target: &Path, announced: &Announced) -> Result<Option<Fetched>, Error> {
    let (Some(size), true) = (announced.size, announced.checksum.is_some()) else { return Ok(None) };
    let mut file = match File::open(target) {
        Ok(file) if file.metadata().map_err(Error::io(target))?.len() == size => file,
        _ => return Ok(None),
    };
    let mut hashes = Hashes::new(announced);
    hashes.read(&mut file).map_err(Error::io(target))?;
    let (sha256, difference) = hashes.finish(announced);
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(difference.is_none().then_some(Fetched { name, size, sha256 }))
}

/// The hashes of a file's bytes: SHA-256, and the git id if that was announced.
struct Hashes {
    sha256: Context,
    git_blob: Option<Context>,
}

impl Hashes {
    fn new(announced: &Announced) -> Self {
        // A git id covers the size too, in front of the bytes.
        let git_blob = match (&announced.checksum, announced.size) {
            (Some(Checksum::GitBlob(_)), Some(size)) => {
                let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                context.update(format!("blob {size}\0").as_bytes());
                Some(context)
            }
            _ => None,
        };
        Self { sha256: Context::new(&SHA256), git_blob }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(git_blob) = &mut self.git_blob {
            git_blob.update(bytes);
        }
    }

    /// Reads a file to its end and returns the number of bytes.
    fn read(&mut self, file: &mut File) -> std::io::Result<u64> {
        let (mut buffer, mut len) = (vec![0; 1 << 20], 0);
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(len);
            }
            self.update(&buffer[..read]);
            len += read as u64;
        }
    }

    /// The SHA-256, and the difference from the announced checksum, if there is one.
    fn finish(self, announced: &Announced) -> (String, Option<String>) {
        let sha256 = hex(self.sha256.finish().as_ref());
        let git_blob = self.git_blob.map(|context| hex(context.finish().as_ref()));
        let difference = match &announced.checksum {
            Some(Checksum::Sha256(expected)) => Some(("SHA-256", expected, &sha256)),
            Some(Checksum::GitBlob(expected)) => git_blob.as_ref().map(|found| ("git id", expected, found)),
            None => None,
        };
        let difference = difference.filter(|(_, expected, found)| expected != found);
        let difference = difference.map(|(kind, expected, found)| format!("{kind} is {found}, not {expected}"));
        (sha256, difference)
    }
}

fn partial_path(target: &Path) -> PathBuf {
    beside(target, ".partial")
}

/// Where [`Announced`] of the bytes in `NAME.partial` is noted.
fn note_path(target: &Path) -> PathBuf {
    beside(target, ".partial.json")
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    target.with_file_name(name)
}

fn read_note(target: &Path) -> Option<Announced> {
    serde_json::from_slice(&std::fs::read(note_path(target)).ok()?).ok()
}
