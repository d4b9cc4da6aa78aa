//! Sealing other secrets than those of keys, under the same root key.

use crate::Error;
use crate::registry::Current;
use secrecy::SecretSlice;
use std::fmt;

/// Seals the secrets of one purpose: what it makes can be kept where others can read it. See
/// [`Registry::sealer`](crate::Registry::sealer).
pub struct Sealer {
    pub(crate) current: Current,
    pub(crate) purpose: &'static str,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Seals a secret for one `place`: put elsewhere, it does not open.
    ///
    /// # Errors
    /// [`Error::Random`] when the system gives no random bytes.
    pub fn seal(&self, secret: &[u8], place: &str) -> Result<Vec<u8>, Error> {
        self.current.get().vault.sealer(self.purpose).seal(secret, place)
    }

    /// Opens what was sealed for this `place`; nothing else opens.
    pub fn open(&self, sealed: &[u8], place: &str) -> Option<SecretSlice<u8>> {
        self.current.get().vault.sealer(self.purpose).open(sealed, place)
    }
}
