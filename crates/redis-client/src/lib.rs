//! The line to Redis that all who keep something there share.
//!
//! * [`Connections`]: a few for all short commands, which come back after they broke, and further ones for those who
//!   wait. Every command ends in time.
//! * [`scripts!`]: a crate's Lua scripts, and what each may do.
//! * [`Error`]: what can go wrong, by what a caller can do about it.
//!
//! It knows no key: those are the business of whoever owns them.

mod connections;
mod error;
mod scripts;

pub use connections::{Connections, within};
pub use error::Error;
#[doc(hidden)]
pub use redis::Script;
