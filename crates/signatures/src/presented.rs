//! A signature that came with a request, read but not yet believed.

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

/// How the signer names their key.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// The API key's text (`X-Agent-API-Key`). A secret: it is not shown by `Debug`.
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

/// What a client signs with.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The API key's text for [`agent::sign`], the key's id for [`http::sign`].
    pub key: &'a str,
    /// The signing secret's bytes: its text as it was shown, not decoded.
    pub secret: &'a [u8],
    /// Now, in seconds since 1970 (UTC).
    pub created: u64,
    /// New for each request, also for a repeated one: 16 to 64 random letters, digits, `-` and `_`.
    pub nonce: &'a str,
}

/// A signature as it was presented: who claims to have made it, when, and over what.
///
/// A server accepts the request when [`check_fresh`](Self::check_fresh) passes, [`verify`](Self::verify) holds for
/// the secret of [`key`](Self::key), and [`nonce`](Self::nonce) is new for that key.
#[derive(Debug, Clone)]
pub struct Presented {
    /// How it is signed.
    pub scheme: Scheme,
    /// Whose secret it has to be.
    pub key: Key,
    /// To be accepted once. At most 128 bytes of visible ASCII.
    pub nonce: String,
    /// When it was made, in seconds since 1970 (UTC).
    pub created: u64,
    /// When it ends by the signer's own will, in seconds since 1970 (UTC).
    pub expires: Option<u64>,
    pub(crate) proof: Proof,
}

/// What is left to be proven when the head has been read.
#[derive(Clone)]
pub(crate) struct Proof {
    /// What was signed, up to the body's hash if that is part of it. It may hold the API key.
    pub(crate) message: Vec<u8>,
    pub(crate) mac: [u8; 32],
    pub(crate) body: BodyBinding,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").field("body", &self.body).finish_non_exhaustive()
    }
}

/// How the body is bound to the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyBinding {
    /// The message ends with the body's SHA-256 in hexadecimal.
    EndOfMessage,
    /// The message covers this digest.
    Digest(ContentDigest),
    /// Not at all, so there must be none.
    MustBeEmpty,
}

impl Presented {
    /// Reads the signature of a request. `None`: it has none.
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

    /// The hasher for the body: with SHA-512 if the signature binds the body by it.
    pub fn body_hasher(&self) -> BodyHasher {
        match &self.proof.body {
            BodyBinding::Digest(digest) if digest.sha512.is_some() => BodyHasher::with_sha512(),
            _ => BodyHasher::new(),
        }
    }

    /// Whether the body is the one that the signed head tells of. No secret is needed for this, so the answer may be
    /// told; [`verify`](Self::verify) asks it again.
    ///
    /// # Errors
    ///
    /// [`Malformed::BodyMismatch`] for another body, [`Malformed::NotCovered`] for one that nothing was said about.
    pub fn check_body(&self, body: &BodyDigest) -> Result<(), Malformed> {
        match &self.proof.body {
            BodyBinding::EndOfMessage => Ok(()),
            BodyBinding::Digest(digest) if digest.matches(body) => Ok(()),
            BodyBinding::Digest(_) => Err(Malformed::BodyMismatch),
            BodyBinding::MustBeEmpty if body.is_empty() => Ok(()),
            BodyBinding::MustBeEmpty => Err(Malformed::NotCovered { name: "content-digest" }),
        }
    }

    /// Whether the holder of `secret` signed this head and this body. The time it takes does not depend on the secret
    /// or on where a difference is.
    pub fn verify(&self, secret: &[u8], body: &BodyDigest) -> bool {
        let mut message = self.proof.message.clone();
        if self.proof.body == BodyBinding::EndOfMessage {
            message.extend(hex(&body.sha256).bytes());
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let authentic = hmac::verify(&key, &message, &self.proof.mac).is_ok();
        authentic & self.check_body(body).is_ok()
    }
}

impl Proof {
    /// A proof that is still to be signed.
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

/// A nonce's length and alphabet. `also`: what it may hold beside letters and digits.
pub(crate) fn is_nonce(text: &str, most: usize, also: &[u8]) -> bool {
    (16..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
}
