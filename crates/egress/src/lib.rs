//! The one way out: URLs that strangers give.
//!
//! Whoever may tell a server which address to call may also tell it to call its neighbours: databases, metadata
//! services, itself. So, in this order:
//!
//! 1. [`Target::parse`] takes `http` and `https` URLs without user names, to a few ports. It reads them by the rules
//!    of browsers, so that `0x7f.1` and `①②⑦.0.0.1` are the addresses that they are.
//! 2. The name is resolved, once.
//! 3. Every address of the answer is judged ([`is_public`]); one that leads inside spoils them all.
//! 4. The connection is made to an address that was judged, never to the name again: what a name server says a second
//!    later changes nothing.
//! 5. A redirect is an answer like any other, and is not followed.
//! 6. Bytes and time are bounded; compressed answers are not unpacked.
//!
//! It knows no proxy and reads no environment.

mod address;
mod answer;
mod client;
mod error;
mod options;
mod resolve;
mod target;
mod tls;

pub use address::is_public;
pub use answer::Answer;
pub use client::Egress;
pub use error::{Error, Refused};
pub use options::EgressOptions;
pub use resolve::{Resolve, Resolving, SystemResolver};
pub use target::Target;
