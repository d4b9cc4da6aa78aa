//! Sealing of other crates' secrets under the root key.

use crate::Error;
use crate::registry::Current;
use secrecy::SecretSlice;
use std::fmt;

/// Seals secrets of one purpose, so that they can be stored in places that others can read. See
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
    /// Seals a secret for one `place`; it cannot be opened for another.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn seal(&self, secret: &[u8], place: &str) -> Result<Vec<u8>, Error> {
        self.current.get().vault.sealer(self.purpose).seal(secret, place)
    }

    /// Opens a secret sealed for this `place`.
    pub fn open(&self, sealed: &[u8], place: &str) -> Option<SecretSlice<u8>> {
        self.current.get().vault.sealer(self.purpose).open(sealed, place)
    }
}
