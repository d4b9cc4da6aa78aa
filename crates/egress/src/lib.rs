//! HTTP calls to URLs given by clients, without access to internal addresses (SSRF protection).
//!
//! A client that chooses a URL must not be able to reach databases, metadata services or the host itself. Each call
//! therefore passes these steps:
//!
//! 1. [`Target::parse`] accepts `http` and `https` URLs without user names, on permitted ports. It parses as browsers do,
//!    so `0x7f.1` and `①②⑦.0.0.1` are recognized as addresses.
//! 2. The host name is resolved once.
//! 3. Every resolved address is checked ([`is_public`]); one internal address refuses the call.
//! 4. The connection is made to a checked address, never to the name again, so DNS rebinding has no effect.
//! 5. [`Egress::get`] follows up to three redirects, each of which passes all steps; [`Egress::post`] follows none.
//! 6. Response headers, body and time are bounded; compressed responses are refused.
//!
//! Proxies are not supported, and no environment variables are read.

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
