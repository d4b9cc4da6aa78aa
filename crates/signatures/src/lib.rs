//! Request signatures: two schemes as pure functions, for servers and clients.
//!
//! - [`agent`]: `X-Agent-*` headers with an HMAC-SHA256 over a canonical string; about ten lines in any language.
//! - [`http`]: HTTP Message Signatures (RFC 9421) with `hmac-sha256` and `Content-Digest` (RFC 9530), for clients with
//!   a library.
//!
//! A server handles both through [`Presented`]:
//!
//! 1. [`Presented::parse`] reads the request's head and makes every check that needs no secret.
//! 2. The server looks up the key's secret.
//! 3. If [`Presented::verifies_without_body`], then [`Presented::verify_head`] authenticates the sender, and only then
//!    the body is read and compared by [`Presented::check_body`]. Otherwise the body is read first and
//!    [`Presented::verify`] checks both at once. [`BodyHasher`] computes the digest while the body streams.
//!
//! The crate has no clock, no key store and no nonce store: the current time is an argument, and the server must
//! remember each accepted nonce for [`Freshness::remember_s`].
//!
//! ```
//! use signatures::{BodyDigest, Freshness, Presented, Request, Signer, agent};
//!
//! let body = BodyDigest::of(b"{}");
//! let request = |headers| Request {
//!     method: "POST",
//!     scheme: "https",
//!     authority: "orfeas.example",
//!     path: "/api/agent/generate-3d",
//!     query: None,
//!     headers,
//! };
//! let no_headers = |_: &str| Vec::new();
//! let signer = Signer { key: "orf_test_key", secret: b"secret", created: 1_750_000_000, nonce: "n-0000000000000001" };
//! let signed = agent::sign(&request(&no_headers), &signer, &body)?;
//!
//! let headers = |name: &str| signed.iter().filter(|(n, _)| *n == name).map(|(_, value)| value.as_bytes()).collect();
//! let presented = Presented::parse(&request(&headers))?.expect("a signed request");
//! assert_eq!(presented.check_fresh(Freshness::default(), 1_750_000_007), Ok(()));
//! assert!(presented.verifies_without_body() && presented.verify_head(b"secret"));
//! assert!(!presented.verify_head(b"another"));
//! assert_eq!(presented.check_body(&body), Ok(()));
//! # Ok::<(), signatures::Malformed>(())
//! ```

pub mod agent;
mod body;
mod freshness;
pub mod http;
mod malformed;
mod presented;
mod request;

pub use body::{BodyDigest, BodyHasher};
pub use freshness::{Freshness, Stale};
pub use malformed::Malformed;
pub use presented::{Key, Presented, Scheme, Signer};
pub use request::{COVERED_HEADERS, Request};
