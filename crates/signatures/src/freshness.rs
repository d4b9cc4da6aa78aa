//! Time window in which a signature is accepted.

use crate::Presented;
use std::time::Duration;

/// Permitted difference between a signature's time and the server's clock, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Maximum difference; fractions of a second are ignored.
    pub skew: Duration,
}

/// A signature outside its time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// Older than the skew.
    #[error("The signature is {by_s} s older than accepted; sign each request anew and check the clock.")]
    TooOld {
        /// Seconds beyond the skew.
        by_s: u64,
    },
    /// Further in the future than the skew.
    #[error("The signature is {by_s} s further in the future than accepted; check the clock.")]
    TooNew {
        /// Seconds beyond the skew.
        by_s: u64,
    },
    /// Its own `expires` has passed.
    #[error("The signature's parameter expires has passed.")]
    Expired,
}

impl Default for Freshness {
    /// 300 seconds.
    fn default() -> Self {
        Self { skew: Duration::from_secs(300) }
    }
}

impl Freshness {
    /// Checks a signature's time of signing against the current time, both in seconds since 1970 (UTC).
    ///
    /// # Errors
    ///
    /// [`Stale`] outside the window.
    pub fn check(self, created: u64, now: u64) -> Result<(), Stale> {
        let skew = self.skew.as_secs();
        match (now.saturating_sub(created), created.saturating_sub(now)) {
            (past, _) if past > skew => Err(Stale::TooOld { by_s: past - skew }),
            (_, future) if future > skew => Err(Stale::TooNew { by_s: future - skew }),
            _ => Ok(()),
        }
    }

    /// Seconds for which an accepted nonce must be remembered: until a signature dated a full skew into the future would
    /// be too old.
    pub fn remember_s(self) -> u64 {
        self.skew.as_secs().saturating_mul(2).saturating_add(1)
    }
}

impl Presented {
    /// [`Freshness::check`], and the signature's own `expires` if present.
    ///
    /// # Errors
    ///
    /// [`Stale`] outside the window.
    pub fn check_fresh(&self, freshness: Freshness, now: u64) -> Result<(), Stale> {
        if self.expires.is_some_and(|expires| expires < now) {
            return Err(Stale::Expired);
        }
        freshness.check(self.created, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_closed_on_both_sides() {
        let window = Freshness::default();
        assert_eq!(window.check(1000, 1300), Ok(()));
        assert_eq!(window.check(1300, 1000), Ok(()));
        assert_eq!(window.check(1000, 1301), Err(Stale::TooOld { by_s: 1 }));
        assert_eq!(window.check(1301, 1000), Err(Stale::TooNew { by_s: 1 }));
        assert!(window.check(0, u64::MAX).is_err());
        assert!(window.check(u64::MAX, 0).is_err());
    }

    #[test]
    fn a_nonce_outlives_its_signature() {
        let window = Freshness::default();
        let (accepted, created) = (1000, 1300);
        assert!(window.check(created, accepted + window.remember_s() - 1).is_ok());
        assert!(window.check(created, accepted + window.remember_s()).is_err());
    }
}
