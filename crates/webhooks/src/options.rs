//! Options for operators.

use clap::Args;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Webhook calls to tenants.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookOptions {
    /// Seconds to wait before each attempt of a delivery, separated by commas; at most six days in total. After the last
    /// attempt the delivery has failed.
    #[arg(long, env = "ORFEAS_WEBHOOK_SCHEDULE", value_name = "SECONDS", default_value_t = Schedule::default())]
    pub webhook_schedule: Schedule,

    /// Seconds within which an endpoint must respond.
    #[arg(long, env = "ORFEAS_WEBHOOK_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 15,
        value_parser = clap::value_parser!(u64).range(1..=300))]
    pub webhook_timeout_seconds: u64,

    /// Maximum number of concurrent calls. Half of them are reserved for endpoints whose latest call succeeded.
    #[arg(long, env = "ORFEAS_WEBHOOK_CALLS", value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub webhook_calls: u16,

    /// Seconds for which the previous secret still signs after a rotation.
    #[arg(long, env = "ORFEAS_WEBHOOK_SECRET_OVERLAP_SECONDS", value_name = "SECONDS", default_value_t = 86_400)]
    pub webhook_secret_overlap_seconds: u64,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            webhook_schedule: Schedule::default(),
            webhook_timeout_seconds: 15,
            webhook_calls: 32,
            webhook_secret_overlap_seconds: 86_400,
        }
    }
}

impl WebhookOptions {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.webhook_timeout_seconds)
    }

    /// Lease of a claimed delivery: one attempt, and time to record its outcome.
    pub(crate) fn lease(&self) -> Duration {
        self.timeout() + Duration::from_secs(10)
    }
}

/// Longest schedule. Deliveries are kept for 7 days after their last change (`RETENTION` in `scripts/prelude.lua`), so an
/// attempt is always made before its delivery expires.
const MAX_SCHEDULE: Duration = Duration::from_secs(6 * 86_400);

/// The wait before each attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// Error: the text is not a valid schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a schedule is 1 to 32 numbers of seconds, separated by commas, of at most six days (518400 s) in total")]
pub struct InvalidSchedule;

impl Schedule {
    /// The wait before an attempt; attempts are numbered from 1.
    pub(crate) fn before(&self, attempt: u32) -> Option<Duration> {
        self.0.get(attempt.checked_sub(1)? as usize).copied()
    }
}

impl Default for Schedule {
    /// The schedule of Standard Webhooks, 31 hours in total: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h.
    fn default() -> Self {
        Self([0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400].map(Duration::from_secs).to_vec())
    }
}

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        let wait = |text: &str| match text.trim().parse::<f64>() {
            Ok(seconds) if (0.0..=MAX_SCHEDULE.as_secs_f64()).contains(&seconds) => {
                Ok(Duration::from_secs_f64(seconds))
            }
            _ => Err(InvalidSchedule),
        };
        let waits = text.split(',').map(wait).collect::<Result<Vec<_>, _>>()?;
        let is_too_long = waits.len() > 32 || waits.iter().sum::<Duration>() > MAX_SCHEDULE;
        if is_too_long { Err(InvalidSchedule) } else { Ok(Self(waits)) }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, wait) in self.0.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "," }, wait.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_schedule_round_trips() {
        let default = Schedule::default();
        assert_eq!(default.to_string().parse::<Schedule>().unwrap(), default);
        assert!(default.0.iter().sum::<Duration>() > Duration::from_secs(86_400), "at least a day");
        assert_eq!("0, 0.05".parse::<Schedule>().unwrap().before(2), Some(Duration::from_millis(50)));
        assert_eq!((default.before(0), default.before(9)), (None, None));
        for wrong in ["", "x", "1,", "-1", "NaN", "1e9", "518401", "300000,300000"] {
            assert_eq!(wrong.parse::<Schedule>(), Err(InvalidSchedule), "{wrong}");
        }
    }
}
