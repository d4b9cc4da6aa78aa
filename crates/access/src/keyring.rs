//! The keys that are let in.

use crate::key::{HashedKey, Sha256};
use crate::{Error, KEY_PREFIX};
use std::io::Write;
use std::path::Path;
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// All keys that are let in, by their hashes.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    keys: Vec<HashedKey>,
}

impl Keyring {
    /// A keyring of these keys.
    pub fn new(keys: Vec<HashedKey>) -> Self {
        Self { keys }
    }

    /// Reads a keyring from a JSON list of `{"owner", "sha256"}`.
    ///
    /// # Errors
    /// A file that cannot be read, or is no such list.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let keys = serde_json::from_slice(&text).map_err(|source| Error::Form { path: path.to_owned(), source })?;
        Ok(Self { keys })
    }

    /// Writes the keyring where [`Keyring::load`] will find it, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(&self.keys).map_err(|error| failed(error.into()))?;
        let beside = path.with_extension("tmp");
        let mut file = std::fs::File::create(&beside).map_err(failed)?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }

    /// Adds a key.
    pub fn add(&mut self, key: HashedKey) {
        self.keys.push(key);
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whose key this is. The time it takes does not tell how near a wrong key came: every hash is compared, in
    /// constant time.
    pub fn authenticate(&self, key: &str) -> Option<String> {
        if !key.starts_with(KEY_PREFIX) {
            return None;
        }
        let presented = Sha256::of(key);
        let mut found = u64::MAX;
        for (n, known) in self.keys.iter().enumerate() {
            let same = known.sha256.0.ct_eq(&presented.0);
            found.conditional_assign(&(n as u64), same);
        }
        Some(self.keys.get(usize::try_from(found).ok()?)?.owner.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::new_key;
    use secrecy::ExposeSecret;

    #[test]
    fn a_key_opens_for_its_owner_and_only_whole() {
        let (ada, ada_hashed) = new_key("ada").unwrap();
        let (bob, bob_hashed) = new_key("bob").unwrap();
        let (stranger, _) = new_key("ada").unwrap();
        let ring = Keyring::new(vec![ada_hashed, bob_hashed]);
        assert_eq!(ring.authenticate(ada.expose_secret()).unwrap(), "ada");
        assert_eq!(ring.authenticate(bob.expose_secret()).unwrap(), "bob");
        let key = ada.expose_secret();
        for wrong in ["", KEY_PREFIX, &key[..key.len() - 1], &format!("{key} "), &key.to_uppercase()] {
            assert_eq!(ring.authenticate(wrong), None, "{wrong}");
        }
        assert_eq!(ring.authenticate(stranger.expose_secret()), None);
        assert_eq!(Keyring::default().authenticate(key), None);
    }

    #[test]
    fn keys_are_random_and_recognisable() {
        let (a, _) = new_key("ada").unwrap();
        let (b, _) = new_key("ada").unwrap();
        assert_ne!(a.expose_secret(), b.expose_secret());
        assert!(a.expose_secret().starts_with("orf_live_") && a.expose_secret().len() == 9 + 64);
        assert!(!format!("{a:?}").contains(a.expose_secret()), "a key is never printed by accident");
    }

    #[test]
    fn a_keyring_survives_its_file_which_holds_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let (key, hashed) = new_key("ada").unwrap();
        let mut ring = Keyring::default();
        ring.add(hashed);
        ring.save(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(key.expose_secret()) && !text.contains(KEY_PREFIX), "{text}");
        assert_eq!(Keyring::load(&path).unwrap().authenticate(key.expose_secret()).unwrap(), "ada");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written stays");
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        assert!(matches!(Keyring::load(&path), Err(Error::Read { .. })));
        let key = "a".repeat(64);
        for damaged in [
            String::new(),
            "{}".to_owned(),
            format!("[{{\"owner\": \"ada\", \"sha256\": \"{}\"}}]", &key[1..]),
            format!("[{{\"owner\": \"ada\", \"sha256\": \"{}\"}}]", key.to_uppercase()),
            format!("[{{\"owner\": \"ada\", \"sha256\": \"{key}\", \"admin\": true}}]"),
            format!("[{{\"sha256\": \"{key}\"}}]"),
        ] {
            std::fs::write(&path, &damaged).unwrap();
            assert!(matches!(Keyring::load(&path), Err(Error::Form { .. })), "{damaged}");
        }
    }
}
