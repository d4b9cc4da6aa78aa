//! A signature as parsed from a request, before it is verified.

use crate::http::ContentDigest;
use crate::{BodyDigest, BodyHasher, Malformed, Request, agent, http};
use ring::hmac;

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The `X-Agent-*` headers.
    Agent,
    /// RFC 9421 HTTP Message Signatures.
    Http,
}

/// Identifies the signing key.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// The API key (`X-Agent-API-Key`). A secret: `Debug` does not print it.
    ApiKey(String),
    /// The key's public id (RFC 9421 `keyid`).
    Id(String),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ApiKey(_) => f.write_str("ApiKey(..)"),
            Self::Id(id) => f.debug_tuple("Id").field(id).finish(),
        }
    }
}

/// The inputs of a client's signature.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The API key for [`agent::sign`], the key's id for [`http::sign`].
    pub key: &'a str,
    /// The signing secret: the bytes of its text as issued, not decoded.
    pub secret: &'a [u8],
    /// The current time, in seconds since 1970 (UTC).
    pub created: u64,
    /// Unique per request, retries included: 16 to 64 random letters, digits, `-` and `_`.
    pub nonce: &'a str,
}

/// A parsed signature: the claimed key, the time, and the signed message.
///
/// A server accepts the request when [`check_fresh`](Self::check_fresh) passes, [`verify`](Self::verify) holds for
/// the secret of [`key`](Self::key), and [`nonce`](Self::nonce) has not been used with that key before.
///
/// If [`verifies_without_body`](Self::verifies_without_body), the sender can be authenticated before the body is read:
/// [`verify_head`](Self::verify_head) first, then [`check_body`](Self::check_body) with the digest of what arrived.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The signing scheme.
    pub scheme: Scheme,
    /// The key whose secret must verify the signature.
    pub key: Key,
    /// Accepted once per key. At most 128 bytes of visible ASCII.
    pub nonce: String,
    /// Time of signing, in seconds since 1970 (UTC).
    pub created: u64,
    /// Expiry chosen by the signer, in seconds since 1970 (UTC).
    pub expires: Option<u64>,
    pub(crate) proof: Proof,
}

/// The signed message and its MAC.
#[derive(Clone)]
pub(crate) struct Proof {
    /// The signed bytes; without the body's hash for [`BodyBinding::Appended`]. May contain the API key.
    pub(crate) message: Vec<u8>,
    pub(crate) mac: [u8; 32],
    pub(crate) body: BodyBinding,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("body", &self.body).finish_non_exhaustive()
    }
}

/// How the signature covers the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyBinding {
    /// The message ends with the body's SHA-256 in hexadecimal, which the head does not state.
    Appended,
    /// The message includes the body's SHA-256 as the head states it.
    Stated([u8; 32]),
    /// The message includes the `Content-Digest` header.
    Digest(ContentDigest),
    /// The body is not covered, so it must be empty.
    Empty,
}

impl Presented {
    /// Parses the signature of a request; `None` if the request has none.
    ///
    /// # Errors
    ///
    /// [`Malformed`], whose text is for the client.
    pub fn parse(request: &Request<'_>) -> Result<Option<Self>, Malformed> {
        match (agent::parse(request)?, http::parse(request)?) {
            (Some(_), Some(_)) => Err(Malformed::TwoSchemes),
            (presented, None) | (None, presented) => Ok(presented),
        }
    }

    /// Whether the signed message is known from the head alone. False only for the agent scheme without
    /// [`agent::CONTENT_SHA256`]: its message ends with the hash of a body that has yet to be read.
    pub fn verifies_without_body(&self) -> bool {
        self.proof.body != BodyBinding::Appended
    }

    /// A hasher for the body: includes SHA-512 if the signature covers one.
    pub fn body_hasher(&self) -> BodyHasher {
        match &self.proof.body {
            BodyBinding::Digest(digest) if digest.sha512.is_some() => BodyHasher::with_sha512(),
            _ => BodyHasher::new(),
        }
    }

    /// Verifies the signature over the head. Always false unless
    /// [`verifies_without_body`](Self::verifies_without_body). The body is still unverified:
    /// [`check_body`](Self::check_body) compares it with the digest that the head states.
    ///
    /// Runs in constant time with respect to the secret and the position of a difference.
    pub fn verify_head(&self, secret: &[u8]) -> bool {
        self.verifies_without_body() & self.is_signed(secret, &self.proof.message)
    }

    /// Compares the body with the digest that the signed head states. This needs no secret, so the result may be
    /// reported to the client.
    ///
    /// # Errors
    ///
    /// [`Malformed::BodyMismatch`] if the digests differ, [`Malformed::NotCovered`] for a body that is not covered.
    pub fn check_body(&self, body: &BodyDigest) -> Result<(), Malformed> {
        match &self.proof.body {
            BodyBinding::Appended => Ok(()),
            BodyBinding::Stated(sha256) if *sha256 == body.sha256 => Ok(()),
            BodyBinding::Stated(_) => Err(Malformed::BodyMismatch { name: agent::CONTENT_SHA256 }),
            BodyBinding::Digest(digest) if digest.matches(body) => Ok(()),
            BodyBinding::Digest(_) => Err(Malformed::BodyMismatch { name: http::CONTENT_DIGEST }),
            BodyBinding::Empty if body.is_empty() => Ok(()),
            BodyBinding::Empty => Err(Malformed::NotCovered { name: http::CONTENT_DIGEST }),
        }
    }

    /// Verifies the signature over head and body. Constant time as [`verify_head`](Self::verify_head).
    pub fn verify(&self, secret: &[u8], body: &BodyDigest) -> bool {
        let authentic = if self.verifies_without_body() {
            self.verify_head(secret)
        } else {
            let mut message = self.proof.message.clone();
            message.extend(hex(&body.sha256).bytes());
            self.is_signed(secret, &message)
        };
        authentic & self.check_body(body).is_ok()
    }

    fn is_signed(&self, secret: &[u8], message: &[u8]) -> bool {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, &self.proof.mac).is_ok()
    }
}

impl Proof {
    /// A message without its MAC.
    pub(crate) fn unsigned(message: Vec<u8>, body: BodyBinding) -> Self {
        Self { message, mac: [0; 32], body }
    }
}

/// HMAC-SHA256.
pub(crate) fn mac(secret: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Checks length and alphabet of a nonce: letters, digits and the bytes in `punctuation`.
pub(crate) fn is_nonce(text: &str, max: usize, punctuation: &[u8]) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || punctuation.contains(&byte);
    (16..=max).contains(&text.len()) && text.bytes().all(allowed)
}
