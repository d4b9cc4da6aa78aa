//! Why a request is refused.

use super::RateLimitStatus;
use crate::Error;
use std::fmt;
use std::time::Duration;

/// A quota of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Jobs.
    Jobs,
    /// Millions of pixels of images.
    Megapixels,
    /// Submissions per minute, for the jobs of a batch.
    Submissions,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jobs => "jobs per day",
            Self::Megapixels => "megapixels per day",
            Self::Submissions => "jobs per minute",
        })
    }
}

/// Why a request is refused. A refused request is not counted and leaves nothing in Redis.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A request with this nonce has been admitted before.
    #[error("the nonce has been used before")]
    Replayed,
    /// The signature's time differs too much from Redis's clock. If the gateway found it fresh, its clock is wrong.
    #[error("the signature's time is too far from the clock of Redis")]
    Stale,
    /// The window is full.
    #[error("too many requests; retry in {retry_after:?}")]
    TooFast {
        /// Time until the same request would be admitted, without further requests.
        retry_after: Duration,
        /// Usage of the window.
        status: RateLimitStatus,
    },
    /// What is left of the day's quota does not cover the work.
    #[error("the quota of {quota} is exhausted; it is renewed in {retry_after:?}")]
    DailyQuota {
        /// The quota.
        quota: Quota,
        /// Time until the next day (UTC).
        retry_after: Duration,
        /// Usage of the quotas.
        status: RateLimitStatus,
    },
    /// The request exceeds the entire quota, so it can never be admitted as a whole.
    #[error("{asked} exceeds the quota of {max} {quota}")]
    NeverFits {
        /// The quota.
        quota: Quota,
        /// The requested amount.
        asked: u64,
        /// The limit.
        max: u64,
    },
    /// Redis is not available or refused the command.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Refused {
    /// When to retry, if that can help and is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooFast { retry_after, .. } | Self::DailyQuota { retry_after, .. } => Some(*retry_after),
            Self::Replayed | Self::Stale | Self::NeverFits { .. } | Self::Store(_) => None,
        }
    }

    /// The limits that caused the refusal.
    pub fn status(&self) -> Option<&RateLimitStatus> {
        match self {
            Self::TooFast { status, .. } | Self::DailyQuota { status, .. } => Some(status),
            Self::Replayed | Self::Stale | Self::NeverFits { .. } | Self::Store(_) => None,
        }
    }
}
