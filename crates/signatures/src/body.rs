//! A body's hash, taken as the body comes by.

use ring::digest::{Context, SHA256, SHA512};

/// What a signature may bind of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyDigest {
    /// The SHA-256 of all its bytes, as sent: before any content coding is undone.
    pub sha256: [u8; 32],
    /// The SHA-512, when the signature wants it ([`Presented::body_hasher`](crate::Presented::body_hasher)).
    pub sha512: Option<[u8; 64]>,
}

/// SHA-256 of nothing.
const EMPTY: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

impl BodyDigest {
    /// No body.
    pub const EMPTY: Self = Self { sha256: EMPTY, sha512: None };

    /// The SHA-256 of a body that is at hand as a whole.
    pub fn of(body: &[u8]) -> Self {
        let mut hasher = BodyHasher::new();
        hasher.update(body);
        hasher.finish()
    }

    /// Whether this is the digest of no body.
    pub fn is_empty(&self) -> bool {
        self.sha256 == EMPTY
    }
}

impl From<[u8; 32]> for BodyDigest {
    fn from(sha256: [u8; 32]) -> Self {
        Self { sha256, sha512: None }
    }
}

/// Takes a body's hash piece by piece.
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

    /// The next piece of the body.
    pub fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(piece);
        }
    }

    /// All pieces have come.
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
    fn pieces_make_the_same_hash_as_the_whole() {
        let mut pieces = BodyHasher::with_sha512();
        for piece in [&b"a mug"[..], b"", b" on a table"] {
            pieces.update(piece);
        }
        let pieces = pieces.finish();
        assert_eq!(pieces.sha256, BodyDigest::of(b"a mug on a table").sha256);
        assert!(pieces.sha512.is_some());
    }

    #[test]
    fn nothing_hashes_to_the_known_constant() {
        assert_eq!(BodyDigest::of(b""), BodyDigest::EMPTY);
        assert!(BodyDigest::EMPTY.is_empty() && !BodyDigest::of(b"{}").is_empty());
    }
}
