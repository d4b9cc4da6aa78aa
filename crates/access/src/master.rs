//! The master key, which seals the root key of a registry: see [`vault`](crate::vault).

use crate::seal::Seal;
use crate::vault::{RootKey, prk};
use crate::{Error, hex};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretBox};
use std::fmt;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// Maximum number of keys in one file.
const MOST: usize = 8;

/// 32 random bytes that seal the root key of a registry. They are not stored in Redis and are the same for all processes
/// of an installation.
///
/// During a change there are several: the first one seals, the others only open.
#[derive(Clone)]
pub struct MasterKey(Arc<[SecretBox<[u8; 32]>]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Generates a master key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn random() -> Result<Self, Error> {
        Ok(Self([random()?].into()))
    }

    /// Parses 64 hexadecimal digits, or up to eight such keys separated by white space, newest first.
    ///
    /// # Errors
    /// [`Error::MasterKeyForm`].
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let one = |text: &str| {
            let bytes = hex::decode(text)?.try_into().ok()?;
            Some(SecretBox::new(Box::new(bytes)))
        };
        let keys: Option<Vec<_>> = text.split_ascii_whitespace().map(one).collect();
        let keys = keys.filter(|keys| (1..=MOST).contains(&keys.len()));
        keys.map(|keys| Self(keys.into())).ok_or(Error::MasterKeyForm)
    }

    /// Reads the key from a file, which other users must not be able to read.
    ///
    /// # Errors
    /// [`Error::MasterKeyFile`], [`Error::MasterKeyExposed`] or [`Error::MasterKeyForm`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let cannot = |source| Error::MasterKeyFile { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(cannot)?;
        // Checks the open file rather than its path, so that it cannot be replaced in between.
        if file.metadata().map_err(cannot)?.permissions().mode() & 0o007 != 0 {
            return Err(Error::MasterKeyExposed { path: path.to_owned() });
        }
        let text = std::io::read_to_string(file).map_err(cannot)?;
        Self::from_hex(&text)
    }

    /// Writes a new key to a file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::MasterKeyFile`], also if the file exists.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let cannot = |source| Error::MasterKeyFile { path: path.to_owned(), source };
        let key = random()?;
        let text = hex::encode(key.expose_secret());
        let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(cannot)?;
        Ok(Self([key].into()))
    }

    /// Seals a root key under the first key.
    pub(crate) fn seal(&self, root: &RootKey, id: &str) -> Result<Vec<u8>, Error> {
        seal(&self.0[0]).seal(root.expose_secret(), id)
    }

    /// Opens a root key that any of the keys has sealed.
    pub(crate) fn open(&self, sealed: &[u8], id: &str) -> Option<RootKey> {
        let root = self.0.iter().find_map(|key| seal(key).open(sealed, id))?;
        let bytes = root.expose_secret().try_into().ok()?;
        Some(SecretBox::new(Box::new(bytes)))
    }

    /// The keys as root keys: in old registries the master key is the root key.
    pub(crate) fn as_roots(&self) -> impl Iterator<Item = &RootKey> {
        self.0.iter()
    }
}

fn seal(key: &SecretBox<[u8; 32]>) -> Seal {
    Seal::of(&prk(key), &[b"root key"])
}

/// 32 random bytes.
pub(crate) fn random() -> Result<SecretBox<[u8; 32]>, Error> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(SecretBox::new(Box::new(bytes)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn same(one: &MasterKey, other: &MasterKey) -> bool {
        one.0.iter().map(ExposeSecret::expose_secret).eq(other.0.iter().map(ExposeSecret::expose_secret))
    }

    #[test]
    fn a_file_keeps_the_key_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        assert!(matches!(MasterKey::read(&path), Err(Error::MasterKeyFile { .. })));
        let made = MasterKey::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(same(&made, &MasterKey::read(&path).unwrap()));
        assert!(matches!(MasterKey::create(&path), Err(Error::MasterKeyFile { .. })), "never overwritten");
        for (mode, fine) in [(0o640, true), (0o604, false), (0o644, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(MasterKey::read(&path).is_ok(), fine, "{mode:o}");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{made:?}").contains(text.trim()));
        for wrong in ["", " \n", &text[1..], &text.replacen(|_| true, "x", 1), &format!("{}00", text.trim())] {
            assert!(matches!(MasterKey::from_hex(wrong), Err(Error::MasterKeyForm)), "{wrong}");
        }
    }

    #[test]
    fn the_first_key_seals_and_all_keys_open() {
        let [old, new] = ["0a", "B1"].map(|byte| byte.repeat(32));
        let read = |text: &str| MasterKey::from_hex(text);
        let both = read(&format!("{new}\n{old}\n")).unwrap();
        let [old, new] = [read(&old).unwrap(), read(&new).unwrap()];
        let (root, place) = (random().unwrap(), "root");
        let opens = |key: &MasterKey, sealed: &[u8]| {
            key.open(sealed, place).is_some_and(|found| found.expose_secret() == root.expose_secret())
        };
        let sealed = both.seal(&root, place).unwrap();
        assert!(opens(&both, &sealed) && opens(&new, &sealed) && !opens(&old, &sealed));
        let sealed = old.seal(&root, place).unwrap();
        assert!(opens(&both, &sealed) && opens(&old, &sealed) && !opens(&new, &sealed));
        assert!(both.open(&sealed, "elsewhere").is_none() && both.open(&sealed[1..], place).is_none());
        let many = |count: usize| read(&format!("{}\t", "7".repeat(64)).repeat(count));
        assert_eq!((both.0.len(), many(8).unwrap().0.len()), (2, 8));
        assert!(matches!(many(9), Err(Error::MasterKeyForm)));
        assert!(read(&format!("{} x", "7".repeat(64))).is_err());
    }
}
