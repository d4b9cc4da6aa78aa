//! What makes a signed request a request of its own.

use ring::digest::{SHA256, digest};
use std::time::Duration;

/// How far a signature may lie from the server's clock, either way.
const FRESHNESS: u64 = 300;

/// How far the clocks of a gateway and of Redis may lie apart.
pub const SLACK: Duration = Duration::from_secs(60);

/// Seconds of signing time that share a set of nonces.
const BUCKET: i64 = 60;

/// The nonce of a signed request, and when the request says that it was signed. Both are covered by the signature, or
/// this is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce {
    /// 64 bits of the text's SHA-256.
    fingerprint: i64,
    signed: i64,
}

impl Nonce {
    /// A nonce, as it stood in the request, and the signature's time in seconds since the Unix epoch.
    pub fn new(text: &[u8], signed: i64) -> Self {
        let hash = digest(&SHA256, text);
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_ref()[..8]);
        Self { fingerprint: i64::from_be_bytes(first), signed }
    }

    pub(super) fn fingerprint(self) -> i64 {
        self.fingerprint
    }

    pub(super) fn signed(self) -> i64 {
        self.signed
    }

    /// Which set it belongs to.
    pub(super) fn bucket(self) -> i64 {
        self.signed.div_euclid(BUCKET)
    }

    /// When no request of its set can be fresh any more, in seconds since the Unix epoch.
    pub(super) fn forgotten(self) -> i64 {
        self.bucket().saturating_add(1).saturating_mul(BUCKET).saturating_add(Self::tolerance()).saturating_add(1)
    }

    /// Seconds that the signing time may lie from Redis's clock.
    pub(super) const fn tolerance() -> i64 {
        (FRESHNESS + SLACK.as_secs()).cast_signed()
    }
}
