//! Why a request is not let through.

use super::Standing;
use crate::Error;
use std::fmt;
use std::time::Duration;

/// What a day is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Jobs.
    Jobs,
    /// Millions of pixels of pictures.
    Megapixels,
    /// Submissions a minute, for what is submitted at once.
    Submissions,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jobs => "jobs a day",
            Self::Megapixels => "megapixels a day",
            Self::Submissions => "jobs a minute",
        })
    }
}

/// Why a request is not let through. Nothing was counted, and nothing is left of it in Redis.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A request with this nonce was admitted before.
    #[error("the nonce was used before")]
    Replayed,
    /// The signature's time lies too far from Redis's clock: the gateway's clock is wrong, if it let it through.
    #[error("the signature's time is too far from the clock of Redis")]
    Stale,
    /// The window is full.
    #[error("too many requests; there is room in {retry_after:?}")]
    TooFast {
        /// Until when the same request would be admitted, if nothing else came.
        retry_after: Duration,
        /// How full the window is.
        standing: Standing,
    },
    /// The day's quota is used up, or what is left is too little for this.
    #[error("the quota of {quota} is used up until {retry_after:?} from now")]
    DailyQuota {
        /// Which one.
        quota: Quota,
        /// Until the next day begins.
        retry_after: Duration,
        /// How full it is.
        standing: Standing,
    },
    /// It is more than the whole quota: it can never be let through in one piece.
    #[error("{asked}, more than the whole quota of {most} {quota}")]
    NeverFits {
        /// Which one.
        quota: Quota,
        /// What was asked for.
        asked: u64,
        /// The whole quota.
        most: u64,
    },
    /// Redis cannot tell.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Refused {
    /// When to try again, where that can help and is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooFast { retry_after, .. } | Self::DailyQuota { retry_after, .. } => Some(*retry_after),
            Self::Replayed | Self::Stale | Self::NeverFits { .. } | Self::Store(_) => None,
        }
    }

    /// How full things are, where that is why.
    pub fn standing(&self) -> Option<&Standing> {
        match self {
            Self::TooFast { standing, .. } | Self::DailyQuota { standing, .. } => Some(standing),
            Self::Replayed | Self::Stale | Self::NeverFits { .. } | Self::Store(_) => None,
        }
    }
}
