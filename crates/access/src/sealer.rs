//! Sealing other secrets than those of keys, under the same master key.

use crate::{Error, MasterKey};
use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretSlice;
use std::fmt;

/// Seals the secrets of one purpose: what it makes can be kept where others can read it.
pub struct Sealer(LessSafeKey);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl MasterKey {
    /// A sealer of this purpose; what it seals opens for no other.
    pub fn sealer(&self, purpose: &'static str) -> Sealer {
        const LENGTH: &str = "a key length that HKDF can give. This is a bug.";
        let info = [b"sealer ".as_slice(), purpose.as_bytes()];
        let key = aead::UnboundKey::from(self.derive().expand(&info, &CHACHA20_POLY1305).expect(LENGTH));
        Sealer(LessSafeKey::new(key))
    }
}

impl Sealer {
    /// Seals a secret for one `place`: put elsewhere, it does not open.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives no random bytes.
    pub fn seal(&self, secret: &[u8], place: &str) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Error::Random)?;
        let mut text = secret.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| Error::Invalid("a secret of this length cannot be sealed"))?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Opens what was sealed for this `place`; nothing else opens.
    pub fn open(&self, sealed: &[u8], place: &str) -> Option<SecretSlice<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = rest.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
        text.truncate(length);
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_secret_opens_only_for_its_purpose_and_place() {
        let master = MasterKey::random().unwrap();
        let (one, other) = (master.sealer("one"), master.sealer("other"));
        let sealed = one.seal(b"secret", "here").unwrap();
        assert_eq!(one.open(&sealed, "here").unwrap().expose_secret(), b"secret");
        assert!(one.open(&sealed, "there").is_none() && other.open(&sealed, "here").is_none());
        assert!(MasterKey::random().unwrap().sealer("one").open(&sealed, "here").is_none());
        for n in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[n] ^= 1;
            assert!(one.open(&wrong, "here").is_none() && one.open(&sealed[..n], "here").is_none());
        }
    }
}
