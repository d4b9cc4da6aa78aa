//! Who may do what.
//!
//! A client presents an API key as a bearer token. The [`Keyring`] knows only the SHA-256 of each key and whose it is;
//! it answers with a [`Caller`], and every job belongs to its caller's owner. [`new_key`] makes a key: the text is shown
//! once, the hash is kept.

mod error;
mod key;
mod keyring;
mod options;

pub use error::Error;
pub use key::{HashedKey, KEY_PREFIX, Sha256, new_key};
pub use keyring::{Caller, Keyring};
pub use options::AccessOptions;
