//! Access to Redis for the crates that keep data there.
//!
//! * [`Connections`]: a few multiplexed connections for short commands, and further ones for blocking reads and
//!   subscriptions. Broken ones are replaced; every command ends in bounded time.
//! * [`scripts!`]: the Lua scripts of a crate, and what each may do.
//! * [`Error`]: errors, grouped by what a caller can do about them.
//!
//! The crate knows no keys: each user of it owns its own.

mod connections;
mod error;
mod scripts;

pub use connections::{Connections, within};
pub use error::Error;
#[doc(hidden)]
pub use redis::Script;
