use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use serde::{Deserialize, Serialize};

use crate::{Error, hex};

/// What a server says about a file before it sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Bytes.
    pub size: Option<u64>,
    /// What the bytes must hash to.
    pub checksum: Option<Checksum>,
    /// Tells one version of the file from another (the entity tag).
    pub version: Option<String>,
}

/// What a file's bytes must hash to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Checksum {
    /// SHA-256 of the bytes, lower-case hex: large files on a hub.
    Sha256(String),
    /// Id of the file as a git blob, lower-case hex: small files on a hub. Tells damage, not malice.
    GitBlob(String),
}

/// A file that is being fetched. Its bytes gather in `NAME.partial`, from where a later run goes on; under its own name
/// the file appears only when it is complete and verified.
pub struct Download {
    target: PathBuf,
    announced: Announced,
    file: File,
    len: u64,
    sha256: Context,
    git_blob: Option<Context>,
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
    /// Whether the bytes can be verified; only then can a file be put together from parts.
    pub fn is_verifiable(&self) -> bool {
        match self.checksum {
            Some(Checksum::Sha256(_)) => true,
            Some(Checksum::GitBlob(_)) => self.size.is_some(),
            None => false,
        }
    }
}

impl Checksum {
    /// Reads a checksum off its length: 64 hex digits are SHA-256, 40 a git blob. Anything else is none.
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
    /// Begins, or goes on where an earlier run of the same version was cut off.
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
        let (sha256, git_blob) = fresh_hashes(&announced);
        let mut download = Self { target: target.to_owned(), announced, file, len: 0, sha256, git_blob };
        let same = download.announced.is_verifiable() && read_note(target).as_ref() == Some(&download.announced);
        if !same || !download.hash_what_is_there()? {
            download.restart()?;
        }
        Ok(download)
    }

    /// Bytes that are there already; the next ones follow them.
    pub fn offset(&self) -> u64 {
        self.len
    }

    /// Whether all announced bytes are there.
    pub fn is_full(&self) -> bool {
        self.announced.size == Some(self.len)
    }

    /// What the server said.
    pub fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Forgets the bytes that are there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn restart(&mut self) -> Result<(), Error> {
        let path = partial_path(&self.target);
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(Error::io(&path))?;
        self.len = 0;
        (self.sha256, self.git_blob) = fresh_hashes(&self.announced);
        let note = serde_json::to_vec(&self.announced).map_err(|error| Error::download(&self.target, error))?;
        let path = note_path(&self.target);
        std::fs::write(&path, note).map_err(Error::io(&path))
    }

    /// Takes the next bytes.
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
        self.hash(bytes);
        self.len = len;
        Ok(())
    }

    /// Verifies the file and gives it its name. A file that fails is thrown away, one that is too short is kept.
    ///
    /// # Errors
    /// [`Error::Download`] if size or checksum is wrong; [`Error::Io`].
    pub fn finish(self) -> Result<Fetched, Error> {
        if let Some(size) = self.announced.size.filter(|&size| size != self.len) {
            return Err(Error::download(&self.target, format!("ends after {} of {size} bytes", self.len)));
        }
        let sha256 = hex(self.sha256.finish().as_ref());
        let git_blob = self.git_blob.map(|context| hex(context.finish().as_ref()));
        let (partial, note) = (partial_path(&self.target), note_path(&self.target));
        let wrong = match &self.announced.checksum {
            Some(Checksum::Sha256(expected)) => (*expected != sha256).then_some(("SHA-256", expected, &sha256)),
            Some(Checksum::GitBlob(expected)) => {
                git_blob.as_ref().filter(|found| *found != expected).map(|found| ("git id", expected, found))
            }
            None => None,
        };
        if let Some((kind, expected, found)) = wrong {
            std::fs::remove_file(&partial).map_err(Error::io(&partial))?;
            let _ = std::fs::remove_file(note);
            return Err(Error::download(&self.target, format!("{kind} is {found}, not {expected}: thrown away")));
        }
        self.file.sync_all().map_err(Error::io(&partial))?;
        std::fs::rename(&partial, &self.target).map_err(Error::io(&self.target))?;
        let _ = std::fs::remove_file(note);
        let name = self.target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Fetched { name, size: self.len, sha256 })
    }

    /// Hashes the bytes of an earlier run. `false` if they cannot be the beginning of this file.
    fn hash_what_is_there(&mut self) -> Result<bool, Error> {
        let path = partial_path(&self.target);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = self.file.read(&mut buffer).map_err(Error::io(&path))?;
            self.hash(&buffer[..read]);
            self.len += read as u64;
            if self.announced.size.is_some_and(|size| self.len > size) {
                return Ok(false);
            }
            if read == 0 {
                return Ok(true);
            }
        }
    }

    fn hash(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(git_blob) = &mut self.git_blob {
            git_blob.update(bytes);
        }
    }
}

/// Whether `target` is there and is the file that the server announces; `None` if not. Only a file with a checksum can
/// be known to be.
///
/// # Errors
/// [`Error::Io`].
pub fn already_fetched(target: &Path, announced: &Announced) -> Result<Option<Fetched>, Error> {
    let (Some(size), Some(checksum)) = (announced.size, &announced.checksum) else { return Ok(None) };
    let mut file = match File::open(target) {
        Ok(file) if file.metadata().map_err(Error::io(target))?.len() == size => file,
        _ => return Ok(None),
    };
    let (mut sha256, mut git_blob) = fresh_hashes(announced);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(target))?;
        if read == 0 {
            break;
        }
        sha256.update(&buffer[..read]);
        if let Some(git_blob) = &mut git_blob {
            git_blob.update(&buffer[..read]);
        }
    }
    let sha256 = hex(sha256.finish().as_ref());
    let matches = match checksum {
        Checksum::Sha256(expected) => *expected == sha256,
        Checksum::GitBlob(expected) => git_blob.is_some_and(|context| hex(context.finish().as_ref()) == *expected),
    };
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(matches.then_some(Fetched { name, size, sha256 }))
}

fn fresh_hashes(announced: &Announced) -> (Context, Option<Context>) {
    // A git id covers the size too, in front of the bytes.
    let git_blob = match (&announced.checksum, announced.size) {
        (Some(Checksum::GitBlob(_)), Some(size)) => {
            let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            context.update(format!("blob {size}\0").as_bytes());
            Some(context)
        }
        _ => None,
    };
    (Context::new(&SHA256), git_blob)
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
