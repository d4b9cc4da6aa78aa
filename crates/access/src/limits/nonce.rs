//! Nonces of signed requests.

use ring::digest::{SHA256, digest};
use std::time::Duration;

/// Permitted difference between a signature's time and the server's clock, in seconds.
const FRESHNESS: u64 = 300;

/// Permitted difference between the clocks of a gateway and of Redis.
pub const SLACK: Duration = Duration::from_secs(60);

/// Nonces of requests signed within this many seconds share a set.
const BUCKET: i64 = 60;

/// The nonce of a signed request and its time of signing. The signature must cover both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce {
    /// First 64 bits of the text's SHA-256.
    fingerprint: i64,
    signed: i64,
}

impl Nonce {
    /// The nonce as sent, and the signature's time in seconds since the Unix epoch.
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

    /// Number of the set that stores it.
    pub(super) fn bucket(self) -> i64 {
        self.signed.div_euclid(BUCKET)
    }

    /// Expiry of the set, when no request in it can be fresh, in seconds since the Unix epoch.
    pub(super) fn forgotten(self) -> i64 {
        self.bucket().saturating_add(1).saturating_mul(BUCKET).saturating_add(Self::tolerance()).saturating_add(1)
    }

    /// Permitted difference between the signing time and Redis's clock, in seconds.
    pub(super) const fn tolerance() -> i64 {
        (FRESHNESS + SLACK.as_secs()).cast_signed()
    }
}
