//! The text format of API keys and signing secrets.
//!
//! ```text
//! orf_live_<40 letters and digits>_<6 letters and digits>
//! └ kind        └ 238 random bits    └ CRC-32 of everything before the last underscore, in base 62
//! ```
//! The checksum detects mistyped and truncated keys offline, and lets secret scanners tell keys from similar strings.

use crate::Error;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Prefix of live keys.
pub const LIVE_PREFIX: &str = "orf_live_";
/// Prefix of test keys.
pub const TEST_PREFIX: &str = "orf_test_";
/// Prefix of signing secrets.
pub const SECRET_PREFIX: &str = "orf_secret_";

const RANDOM: usize = 40;
const CHECKSUM: usize = 6;

/// Whether the jobs of a key are run or simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Jobs are run.
    Live,
    /// Jobs are simulated: the full API, with canned meshes.
    Test,
}

impl Mode {
    /// The mode's name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Live => LIVE_PREFIX,
            Self::Test => TEST_PREFIX,
        }
    }
}

/// Error: the text is not a well-formed API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: it must read orf_live_… or orf_test_…, and its checksum must fit")]
pub struct NotAKey;

/// Checks offline whether a text is a well-formed API key, and returns its mode. The key need not exist.
///
/// # Errors
/// [`NotAKey`] if it is malformed.
pub fn check_format(key: &str) -> Result<Mode, NotAKey> {
    [Mode::Live, Mode::Test].into_iter().find(|mode| is_token(key, mode.prefix())).ok_or(NotAKey)
}

/// A new API key.
pub(crate) fn new_key(mode: Mode) -> Result<SecretString, Error> {
    token(mode.prefix())
}

/// A new signing secret.
pub(crate) fn new_secret() -> Result<SecretString, Error> {
    token(SECRET_PREFIX)
}

fn token(prefix: &str) -> Result<SecretString, Error> {
    let text = format!("{prefix}{}", random_base62(RANDOM)?);
    Ok(SecretString::from(format!("{text}_{}", checksum(&text))))
}

fn is_token(text: &str, prefix: &str) -> bool {
    let Some((body, sum)) = text.rsplit_once('_') else { return false };
    let Some(random) = body.strip_prefix(prefix) else { return false };
    random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()) && checksum(body) == sum
}

fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

/// Random letters and digits, uniformly distributed.
pub(crate) fn random_base62(length: usize) -> Result<String, Error> {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 64];
        random.fill(&mut bytes).map_err(|_| Error::Random)?;
        // 248 is the largest multiple of 62 in a byte. Larger values would bias the first digits.
        let digits = bytes.into_iter().filter(|&byte| byte < 248).map(|byte| char::from(ALPHABET[byte as usize % 62]));
        text.extend(digits.take(length - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_key_is_known_offline_and_only_whole() {
        for (mode, prefix) in [(Mode::Live, LIVE_PREFIX), (Mode::Test, TEST_PREFIX)] {
            let key = new_key(mode).unwrap();
            let key = key.expose_secret();
            assert!(key.starts_with(prefix) && key.len() == prefix.len() + RANDOM + 1 + CHECKSUM, "{key}");
            assert_eq!(check_format(key), Ok(mode));
            for n in 0..key.len() {
                assert_eq!(check_format(&key[..n]), Err(NotAKey));
                let mut wrong = key.as_bytes().to_vec();
                wrong[n] = if wrong[n] == b'x' { b'y' } else { b'x' };
                assert_eq!(check_format(&String::from_utf8(wrong).unwrap()), Err(NotAKey), "character {n}");
            }
            assert_eq!(check_format(&format!("{key} ")), Err(NotAKey));
        }
        assert_eq!(check_format(new_secret().unwrap().expose_secret()), Err(NotAKey));
    }

    #[test]
    fn the_checksum_is_the_documented_one() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262, which is 3jZRME in base 62.
        let digits = "3jZRME".bytes().map(|digit| ALPHABET.iter().position(|&known| known == digit).unwrap() as u64);
        assert_eq!(digits.fold(0, |sum, digit| sum * 62 + digit), 0xCBF4_3926_u64, "the constant of this test");
        assert_eq!(checksum("123456789"), "3jZRME");
        assert_eq!(checksum("").len(), CHECKSUM, "leading zeros stay");
    }

    #[test]
    fn secrets_are_random_and_never_printed_by_accident() {
        let (a, b) = (new_key(Mode::Live).unwrap(), new_key(Mode::Live).unwrap());
        assert_ne!(a.expose_secret(), b.expose_secret());
        assert!(!format!("{a:?}").contains(a.expose_secret()));
        let text = random_base62(62 * 400).unwrap();
        for digit in ALPHABET {
            let count = text.bytes().filter(|byte| byte == digit).count();
            assert!((250..550).contains(&count), "{count} times {}", *digit as char);
        }
    }
}
