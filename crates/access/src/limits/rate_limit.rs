//! Usage of rate limits, and its representation in HTTP headers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use std::time::Duration;

/// Usage of each limit that applied to a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateLimitStatus {
    /// Time of the measurement by Redis's clock, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The limits in force.
    pub policies: Vec<Policy>,
}

/// One limit and its usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name: that of an operation, `jobs-per-day` or `megapixels-per-day`.
    pub name: &'static str,
    /// The unit, if it is not requests.
    pub unit: Option<&'static str>,
    /// The subject of the limit: a key for windows, a tenant for days.
    pub partition: String,
    /// Maximum in the window.
    pub max: u64,
    /// Used so far.
    pub used: u64,
    /// Length of the window.
    pub window: Duration,
    /// Time until more is available, without further use.
    pub reset: Duration,
}

impl Policy {
    /// What is left.
    pub fn remaining(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }
}

impl RateLimitStatus {
    /// This status merged with `other`, whose limits take precedence.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.at_ms = self.at_ms.max(other.at_ms);
        for policy in other.policies {
            self.policies.retain(|old| old.name != policy.name);
            self.policies.push(policy);
        }
        self
    }

    /// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): a structured list with the
    /// name of each limit, `q` (maximum), `w` (window in seconds), `qu` (unit, if not requests) and `pk` (subject).
    /// `None` without limits, as the list must not be empty.
    pub fn rate_limit_policy(&self) -> Option<String> {
        self.list(|text, policy| {
            let _ = write!(text, ";q={};w={}", policy.max, policy.window.as_secs());
            if let Some(unit) = policy.unit {
                let _ = write!(text, ";qu=\"{unit}\"");
            }
        })
    }

    /// The value of `RateLimit` (same draft): the name of each limit, `r` (what is left), `t` (seconds until more is
    /// available, rounded up; equals `Retry-After` when nothing is left) and `pk`.
    pub fn rate_limit(&self) -> Option<String> {
        self.list(|text, policy| {
            let _ = write!(text, ";r={};t={}", policy.remaining(), retry_after_seconds(policy.reset));
        })
    }

    fn list(&self, parameters: impl Fn(&mut String, &Policy)) -> Option<String> {
        let mut text = String::new();
        for policy in &self.policies {
            let separator = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}\"{}\"", policy.name);
            parameters(&mut text, policy);
            // A structured byte sequence (RFC 9651, section 3.3.5).
            let _ = write!(text, ";pk=:{}:", STANDARD.encode(&policy.partition));
        }
        (!text.is_empty()).then_some(text)
    }
}

/// Whole seconds for `Retry-After`, rounded up so that waiting that long is enough.
pub fn retry_after_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn policy(name: &'static str, unit: Option<&'static str>, used: u64, reset_ms: u64) -> Policy {
        Policy {
            name,
            unit,
            partition: "key_1".to_owned(),
            max: 100,
            used,
            window: Duration::from_secs(60),
            reset: Duration::from_millis(reset_ms),
        }
    }

    #[test]
    fn the_fields_are_structured_lists() {
        let status = RateLimitStatus {
            at_ms: 1,
            policies: vec![policy("generate", None, 1, 60_001), policy("jobs-per-day", Some("jobs"), 101, 2_000)],
        };
        assert_eq!(
            status.rate_limit_policy().unwrap(),
            "\"generate\";q=100;w=60;pk=:a2V5XzE=:, \"jobs-per-day\";q=100;w=60;qu=\"jobs\";pk=:a2V5XzE=:"
        );
        assert_eq!(
            status.rate_limit().unwrap(),
            "\"generate\";r=99;t=61;pk=:a2V5XzE=:, \"jobs-per-day\";r=0;t=2;pk=:a2V5XzE=:"
        );
        assert_eq!(
            (RateLimitStatus::default().rate_limit(), RateLimitStatus::default().rate_limit_policy()),
            (None, None)
        );
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (ms, seconds) in [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(retry_after_seconds(Duration::from_millis(ms)), seconds, "{ms} ms");
        }
    }

    #[test]
    fn a_later_status_replaces_an_earlier_one() {
        let first = RateLimitStatus { at_ms: 1, policies: vec![policy("generate", None, 1, 5)] };
        let second = RateLimitStatus {
            at_ms: 2,
            policies: vec![policy("jobs-per-day", None, 3, 5), policy("generate", None, 4, 5)],
        };
        let both = first.and(second);
        let used: Vec<_> = both.policies.iter().map(|policy| (policy.name, policy.used)).collect();
        assert_eq!((both.at_ms, used), (2, vec![("jobs-per-day", 3), ("generate", 4)]));
    }
}
