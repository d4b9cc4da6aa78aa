//! Digest of a request body, computed while it streams.

use ring::digest::{Context, SHA256, SHA512};

/// The digests of a body that a signature can cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyDigest {
    /// SHA-256 of all bytes as sent, before any content coding is decoded.
    pub sha256: [u8; 32],
    /// SHA-512, if the signature covers one ([`Presented::body_hasher`](crate::Presented::body_hasher)).
    pub sha512: Option<[u8; 64]>,
}

/// SHA-256 of the empty string.
const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

impl BodyDigest {
    /// Digest of an empty body.
    pub const EMPTY: Self = Self { sha256: EMPTY, sha512: None };

    /// The SHA-256 of a complete body.
    pub fn of(body: &[u8]) -> Self {
        let mut hasher = BodyHasher::new();
        hasher.update(body);
        hasher.finish()
    }

    /// Whether this is the digest of an empty body.
    pub fn is_empty(&self) -> bool {
        self.sha256 == EMPTY
    }
}

impl From<[u8; 32]> for BodyDigest {
    fn from(sha256: [u8; 32]) -> Self {
        Self { sha256, sha512: None }
    }
}

/// Hashes a body chunk by chunk.
#[derive(Clone)]
pub struct BodyHasher {
    sha256: Context,
    sha512: Option<Context>,
}

impl Default for BodyHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl BodyHasher {
    /// SHA-256 only.
    pub fn new() -> Self {
        Self { sha256: Context::new(&SHA256), sha512: None }
    }

    /// SHA-256 and SHA-512.
    pub fn with_sha512() -> Self {
        Self { sha512: Some(Context::new(&SHA512)), ..Self::new() }
    }

    /// Adds the next chunk of the body.
    pub fn update(&mut self, chunk: &[u8]) {
        self.sha256.update(chunk);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(chunk);
        }
    }

    /// The digest of all chunks.
    pub fn finish(self) -> BodyDigest {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.sha256.finish().as_ref());
        let sha512 = self.sha512.map(|context| {
            let mut sha512 = [0; 64];
            sha512.copy_from_slice(context.finish().as_ref());
            sha512
        });
        BodyDigest { sha256, sha512 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hash_like_the_whole() {
        let mut hasher = BodyHasher::with_sha512();
        for chunk in [&b"a mug"[..], b"", b" on a table"] {
            hasher.update(chunk);
        }
        let digest = hasher.finish();
        assert_eq!(digest.sha256, BodyDigest::of(b"a mug on a table").sha256);
        assert!(digest.sha512.is_some());
    }

    #[test]
    fn the_empty_body_has_the_known_digest() {
        assert_eq!(BodyDigest::of(b""), BodyDigest::EMPTY);
        assert!(BodyDigest::EMPTY.is_empty() && !BodyDigest::of(b"{}").is_empty());
    }
}
