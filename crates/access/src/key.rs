//! API keys and their hashes.

use crate::Error;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// What every API key begins with, so that a key found in a log or a repository is known for what it is.
pub const KEY_PREFIX: &str = "orf_live_";

/// Bytes of randomness in a key.
const ENTROPY: usize = 32;

/// A key as it is kept: whose it is, and its hash. A key is 256 random bits, so a plain hash of it cannot be reversed
/// by guessing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashedKey {
    /// Whose jobs this key submits and sees.
    pub owner: String,
    /// SHA-256 of the whole key, prefix included.
    pub sha256: Sha256,
}

/// A SHA-256 digest; 64 lower-case hex digits in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256(pub(crate) [u8; 32]);

impl Sha256 {
    pub(crate) fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hex(&hash.0)
    }
}

impl TryFrom<String> for Sha256 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "sha256 must be 64 lower-case hex digits";
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(WRONG);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| WRONG)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| WRONG)?;
        }
        Ok(Self(bytes))
    }
}

/// Makes a key for `owner`: the secret to hand over, and what to keep of it.
///
/// # Errors
/// [`Error::Random`] when the system gives no random bytes.
pub fn new_key(owner: &str) -> Result<(SecretString, HashedKey), Error> {
    let mut bytes = [0; ENTROPY];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Random)?;
    let key = format!("{KEY_PREFIX}{}", hex(&bytes));
    let hashed = HashedKey { owner: owner.to_owned(), sha256: Sha256::of(&key) };
    Ok((SecretString::from(key), hashed))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
