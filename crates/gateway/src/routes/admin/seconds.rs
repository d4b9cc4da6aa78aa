//! Times in the bodies of administrative requests.

use serde::Deserialize;
use std::time::Duration;

/// A time in seconds, bounded to a hundred years.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Seconds(pub(super) Duration);

impl TryFrom<u64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: u64) -> Result<Self, &'static str> {
        const MOST: u64 = 100 * 365 * 86_400;
        if seconds > MOST {
            return Err("a time must be at most 100 years, in seconds");
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}
