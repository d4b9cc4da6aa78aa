//! Requests that prove whose they are: two signing schemes as pure functions, for servers and for clients.
//!
//! - [`agent`]: four `X-Agent-*` headers and an HMAC-SHA256 over a canonical string; ten lines in any language.
//! - [`http`]: HTTP Message Signatures (RFC 9421) with `hmac-sha256`, the body bound by `Content-Digest` (RFC 9530); for
//!   those who have a library.
//!
//! Both end in one [`Presented`], and from there the way is the same. [`Presented::parse`] reads a request's head and
//! settles everything that can be told without a secret; [`Presented::verify`] needs the secret and the hash of the
//! body, which [`BodyHasher`] takes as the body streams by. In between the caller looks the key up.
//!
//! What this crate does not know: the time (it is an argument), which keys exist, and which nonces were seen. A server
//! must remember each accepted nonce for [`Freshness::remember_s`].
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
//! let bare = |_: &str| Vec::new();
//! let signer = Signer { key: "orf_test_key", secret: b"secret", created: 1_750_000_000, nonce: "n-0000000000000001" };
//! let signed = agent::sign(&request(&bare), &signer, &body)?;
//!
//! let headers = |name: &str| signed.iter().filter(|(n, _)| *n == name).map(|(_, value)| value.as_bytes()).collect();
//! let presented = Presented::parse(&request(&headers))?.expect("it is signed");
//! assert_eq!(presented.check_fresh(Freshness::default(), 1_750_000_007), Ok(()));
//! assert!(presented.verify(b"secret", &body));
//! assert!(!presented.verify(b"another", &body));
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
pub use request::{MEANINGFUL_HEADERS, Request};
