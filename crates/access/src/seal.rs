//! Sealing: ChaCha20-Poly1305 with a random nonce as prefix, bound to one place.

use crate::Error;
use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce};
use ring::hkdf::Prk;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretSlice;

/// A sealing key.
pub(crate) struct Seal(LessSafeKey);

impl Seal {
    /// Derives a sealing key from a root or master key.
    pub(crate) fn of(prk: &Prk, info: &[&[u8]]) -> Self {
        let key = prk.expand(info, &CHACHA20_POLY1305).expect("a length that HKDF can give. This is a bug.");
        Self(LessSafeKey::new(aead::UnboundKey::from(key)))
    }

    /// Seals a secret for one place; it cannot be opened for another.
    pub(crate) fn seal(&self, secret: &[u8], place: &str) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| Error::Random)?;
        let mut text = secret.to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut text)
            .map_err(|_| Error::Invalid("a secret of this length cannot be sealed"))?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Opens a secret sealed for this place.
    pub(crate) fn open(&self, sealed: &[u8], place: &str) -> Option<SecretSlice<u8>> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = rest.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut text).ok()?.len();
        text.truncate(length);
        Some(text.into())
    }
}
