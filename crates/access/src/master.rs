//! The master key, and what is derived from it.
//!
//! Redis holds nothing that opens a door: of an API key only its HMAC, of a signing secret only its sealed form, both
//! under keys that are derived (HKDF-SHA256, RFC 5869) from one master key that Redis never sees.

use crate::{Error, KeyId, TenantId};
use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use std::fmt;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// 32 random bytes that open all that the registry keeps closed. The same for all processes of an installation.
pub struct MasterKey(SecretBox<[u8; 32]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives no random bytes.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// Reads one from 64 hexadecimal digits; white space around them is no matter.
    ///
    /// # Errors
    /// [`Error::MasterKeyForm`] when the text is something else.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let text = text.trim().as_bytes();
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(Error::MasterKeyForm);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(Error::MasterKeyForm);
            *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).map_err(|_| Error::MasterKeyForm)?;
        }
        Ok(Self(SecretBox::new(Box::new(bytes))))
    }

    /// Reads one from a file that not everybody can read.
    ///
    /// # Errors
    /// [`Error::MasterKeyFile`], [`Error::MasterKeyExposed`] or [`Error::MasterKeyForm`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let cannot = |source| Error::MasterKeyFile { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(cannot)?;
        // The open file is asked, not its name: nobody can put another in its place in between.
        if file.metadata().map_err(cannot)?.permissions().mode() & 0o007 != 0 {
            return Err(Error::MasterKeyExposed { path: path.to_owned() });
        }
        let text = std::io::read_to_string(file).map_err(cannot)?;
        Self::from_hex(&text)
    }

    /// Makes a new one in a file that only its owner can read. A file that is there is kept.
    ///
    /// # Errors
    /// [`Error::MasterKeyFile`], also when there is such a file.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let cannot = |source| Error::MasterKeyFile { path: path.to_owned(), source };
        let key = Self::random()?;
        let text: String = key.0.expose_secret().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
        writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(cannot)?;
        Ok(key)
    }

    pub(crate) fn derive(&self) -> Prk {
        Salt::new(HKDF_SHA256, b"orfeas access 1").extract(self.0.expose_secret())
    }
}

/// The keys that are derived from a master key, and what is done with them.
pub(crate) struct Vault {
    finder: hmac::Key,
    sealer: LessSafeKey,
    /// Tells one master key from another, and nothing about either.
    pub(crate) fingerprint: String,
}

/// A sealed secret that does not open: it was sealed under another key, or for another tenant or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DoesNotOpen;

impl Vault {
    pub(crate) fn new(master: &MasterKey) -> Self {
        const LENGTH: &str = "a key length that HKDF can give. This is a bug.";
        let prk = master.derive();
        let finder = hmac::Key::from(prk.expand(&[b"api keys"], hmac::HMAC_SHA256).expect(LENGTH));
        let sealer = aead::UnboundKey::from(prk.expand(&[b"signing secrets"], &CHACHA20_POLY1305).expect(LENGTH));
        let mark = hmac::Key::from(prk.expand(&[b"fingerprint"], hmac::HMAC_SHA256).expect(LENGTH));
        let fingerprint = hex(&hmac::sign(&mark, b"").as_ref()[..8]);
        Self { finder, sealer: LessSafeKey::new(sealer), fingerprint }
    }

    /// What is kept of an API key, and what it is found by: 64 hexadecimal digits.
    pub(crate) fn hash(&self, api_key: &str) -> String {
        hex(hmac::sign(&self.finder, api_key.as_bytes()).as_ref())
    }

    /// Seals a signing secret for one key of one tenant: put elsewhere, it does not open.
    pub(crate) fn seal(&self, secret: &str, tenant: &TenantId, key: &KeyId) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Error::Random)?;
        let mut text = secret.as_bytes().to_vec();
        self.sealer
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(tenant, key), &mut text)
            .map_err(|_| Error::Invalid("a secret of this length cannot be sealed"))?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Opens what [`Vault::seal`] has sealed.
    pub(crate) fn open(&self, sealed: &[u8], tenant: &TenantId, key: &KeyId) -> Result<SecretSlice<u8>, DoesNotOpen> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut text = rest.to_vec();
        let length = self.sealer.open_in_place(nonce, aad(tenant, key), &mut text).map_err(|_| DoesNotOpen)?.len();
        text.truncate(length);
        Ok(text.into())
    }
}

fn aad(tenant: &TenantId, key: &KeyId) -> Aad<String> {
    Aad::from(format!("{tenant} {key}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::Class;

    #[test]
    fn a_file_keeps_the_key_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master-key");
        assert!(matches!(MasterKey::read(&path), Err(Error::MasterKeyFile { .. })));
        let made = MasterKey::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = MasterKey::read(&path).unwrap();
        assert_eq!(Vault::new(&made).fingerprint, Vault::new(&read).fingerprint);
        assert!(matches!(MasterKey::create(&path), Err(Error::MasterKeyFile { .. })), "never overwritten");
        for (mode, fine) in [(0o640, true), (0o604, false), (0o644, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(MasterKey::read(&path).is_ok(), fine, "{mode:o}");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{made:?}").contains(text.trim()));
        for wrong in ["", &text[1..], &text.replacen(|_| true, "x", 1), &format!("{}00", text.trim())] {
            assert!(matches!(MasterKey::from_hex(wrong), Err(Error::MasterKeyForm)), "{wrong}");
        }
    }

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let (vault, other) = (Vault::new(&MasterKey::random().unwrap()), Vault::new(&MasterKey::random().unwrap()));
        let (ada, bob) = (TenantId::new(Class::Agent).unwrap(), TenantId::new(Class::Agent).unwrap());
        let (key, next) = (KeyId::new().unwrap(), KeyId::new().unwrap());
        let sealed = vault.seal("orf_secret_x", &ada, &key).unwrap();
        assert_eq!(vault.open(&sealed, &ada, &key).unwrap().expose_secret(), b"orf_secret_x");
        assert_ne!(vault.seal("orf_secret_x", &ada, &key).unwrap(), sealed, "each time with another nonce");
        assert!(vault.open(&sealed, &bob, &key).is_err() && vault.open(&sealed, &ada, &next).is_err());
        assert!(other.open(&sealed, &ada, &key).is_err());
        for n in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[n] ^= 1;
            assert!(vault.open(&wrong, &ada, &key).is_err() && vault.open(&sealed[..n], &ada, &key).is_err());
        }
        assert_ne!(vault.hash("orf_live_x"), other.hash("orf_live_x"));
    }
}
