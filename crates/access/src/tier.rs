//! Limits of tenants: tiers and overrides.

use crate::{Error, Operation};
use domain::Class;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// A set of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// For evaluation.
    Free,
    /// For regular use.
    #[default]
    Standard,
    /// For heavy use: five times the rates.
    Pro,
    /// No limits except those of the installation.
    Unlimited,
}

/// Error: the text is not the name of a tier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no tier; the tiers are free, standard, pro, unlimited")]
pub struct InvalidTier;

impl Tier {
    /// All tiers.
    pub const ALL: [Self; 4] = [Self::Free, Self::Standard, Self::Pro, Self::Unlimited];

    /// The tier's name, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Standard => "standard",
            Self::Pro => "pro",
            Self::Unlimited => "unlimited",
        }
    }
}

impl FromStr for Tier {
    type Err = InvalidTier;

    fn from_str(text: &str) -> Result<Self, InvalidTier> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or(InvalidTier)
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Maximum number of images in one batch for any tenant: the queue stores a batch in one atomic step.
pub const MAX_BATCH_SIZE: u32 = 256;

/// Limits of a tenant. 0 means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Requests within any 60 seconds, per key and [`Operation`], except queries.
    pub requests_per_minute: u32,
    /// Queries ([`Operation::Query`]) within any 60 seconds, per key.
    pub queries_per_minute: u32,
    /// Waiting and running jobs.
    pub max_active_jobs: u64,
    /// Running jobs; further jobs wait.
    pub max_running_jobs: u64,
    /// Waiting jobs.
    pub max_queued_jobs: u64,
    /// Jobs per UTC day.
    pub jobs_per_day: u64,
    /// Megapixels of images per UTC day.
    pub megapixels_per_day: u64,
    /// Pictures in one batch; never more than [`MAX_BATCH_SIZE`].
    pub max_batch_size: u32,
    /// Share of the workers, relative to other tenants that wait.
    pub weight: f64,
}

impl Limits {
    /// Requests of one key within any 60 seconds for this operation; 0 means unlimited.
    pub fn requests_per_minute(&self, operation: Operation) -> u32 {
        match operation {
            Operation::Query => self.queries_per_minute,
            Operation::Generate | Operation::Batch | Operation::Cancel | Operation::Admin => self.requests_per_minute,
        }
    }

    /// The limits of a tier with a tenant's overrides applied.
    pub fn of(class: Class, tier: Tier, overrides: &Overrides, defaults: &Defaults) -> Self {
        let (rate, queries) = match class {
            Class::Agent => (defaults.agent_max_requests_per_minute, defaults.agent_max_requests_per_minute),
            Class::User | Class::Test => (defaults.user_max_requests_per_minute, defaults.user_max_queries_per_minute),
        };
        let mut limits = Self {
            requests_per_minute: rate,
            queries_per_minute: queries,
            max_active_jobs: 0,
            max_running_jobs: 0,
            max_queued_jobs: 0,
            jobs_per_day: 0,
            megapixels_per_day: 0,
            max_batch_size: defaults.max_batch_size,
            weight: 1.0,
        };
        match tier {
            Tier::Free => {
                (limits.max_active_jobs, limits.max_running_jobs, limits.max_queued_jobs) = (8, 1, 8);
                (limits.jobs_per_day, limits.megapixels_per_day) = (100, 400);
            }
            Tier::Standard => {
                (limits.max_active_jobs, limits.max_running_jobs, limits.max_queued_jobs) = (200, 16, 200);
                (limits.jobs_per_day, limits.megapixels_per_day) = (10_000, 40_000);
                limits.weight = 2.0;
            }
            Tier::Pro => {
                limits.requests_per_minute = rate.saturating_mul(5);
                limits.queries_per_minute = queries.saturating_mul(5);
                (limits.max_active_jobs, limits.max_running_jobs, limits.max_queued_jobs) = (2_000, 64, 2_000);
                (limits.jobs_per_day, limits.megapixels_per_day) = (100_000, 400_000);
                limits.weight = 4.0;
            }
            Tier::Unlimited => {
                (limits.requests_per_minute, limits.queries_per_minute) = (0, 0);
                limits.weight = 4.0;
            }
        }
        overrides.apply(&mut limits);
        if limits.max_batch_size == 0 || limits.max_batch_size > MAX_BATCH_SIZE {
            limits.max_batch_size = MAX_BATCH_SIZE;
        }
        limits
    }
}

/// The operator's defaults for all tenants of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// Requests per minute of an agent's key, per operation.
    pub agent_max_requests_per_minute: u32,
    /// Requests per minute of a user's key, per operation other than queries.
    pub user_max_requests_per_minute: u32,
    /// Queries per minute of a user's key.
    pub user_max_queries_per_minute: u32,
    /// Maximum number of images in one batch.
    pub max_batch_size: u32,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            agent_max_requests_per_minute: 100,
            user_max_requests_per_minute: 10,
            user_max_queries_per_minute: 60,
            max_batch_size: 16,
        }
    }
}

macro_rules! overrides {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        /// Limits of one tenant that replace those of its tier. Unknown fields, of a newer version, are ignored.
        #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
        pub struct Overrides {
            $(
                $(#[$doc])*
                #[serde(skip_serializing_if = "Option::is_none", default)]
                pub $field: Option<$type>,
            )*
        }

        impl Overrides {
            const NAMES: &[&str] = &[$(stringify!($field)),*];

            fn apply(&self, limits: &mut Limits) {
                // One limit for all operations includes queries.
                if let Some(requests) = self.requests_per_minute {
                    limits.queries_per_minute = requests;
                }
                $(if let Some(value) = self.$field {
                    limits.$field = value;
                })*
            }
        }
    };
}

overrides! {
    /// See [`Limits::requests_per_minute`].
    requests_per_minute: u32,
    /// See [`Limits::queries_per_minute`]; as [`Limits::requests_per_minute`] where only that is set.
    queries_per_minute: u32,
    /// See [`Limits::max_active_jobs`].
    max_active_jobs: u64,
    /// See [`Limits::max_running_jobs`].
    max_running_jobs: u64,
    /// See [`Limits::max_queued_jobs`].
    max_queued_jobs: u64,
    /// See [`Limits::jobs_per_day`].
    jobs_per_day: u64,
    /// See [`Limits::megapixels_per_day`].
    megapixels_per_day: u64,
    /// See [`Limits::max_batch_size`].
    max_batch_size: u32,
    /// See [`Limits::weight`]; greater than 0.
    weight: f64,
}

impl Overrides {
    /// The overrides after a JSON merge patch (RFC 7396); `null` removes an override.
    ///
    /// # Errors
    /// [`Error::Limits`] for an unknown name or an invalid value.
    pub fn patched(&self, patch: &Map<String, Value>) -> Result<Self, Error> {
        if let Some(unknown) = patch.keys().find(|name| !Self::NAMES.contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            let known = Self::NAMES.join(", ");
            return Err(Error::Limits(serde::de::Error::custom(format!(
                "unknown limit `{unknown}`, expected one of {known}"
            ))));
        }
        let mut fields = serde_json::to_value(self).map_err(Error::Limits)?;
        if let Value::Object(fields) = &mut fields {
            fields.extend(patch.clone());
        }
        serde_json::from_value(fields).map_err(Error::Limits)
    }

    /// Checks ranges: limits must be exact in Lua and JSON numbers, and a weight must leave other tenants a share.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let limits = [
            self.max_active_jobs,
            self.max_running_jobs,
            self.max_queued_jobs,
            self.jobs_per_day,
            self.megapixels_per_day,
        ];
        let are_exact = limits.iter().flatten().all(|limit| *limit < 1 << 53);
        if are_exact && self.weight.is_none_or(|weight| (0.001..=1000.0).contains(&weight)) {
            return Ok(());
        }
        Err(Error::Invalid("a limit is a whole number below 2^53, and a weight lies between 0.001 and 1000"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_override_replaces_the_limit_of_the_tier() {
        let defaults = Defaults::default();
        let of = |class, tier, overrides: &Overrides| Limits::of(class, tier, overrides, &defaults);
        let none = Overrides::default();
        assert_eq!(of(Class::Agent, Tier::Standard, &none).requests_per_minute, 100);
        assert_eq!(of(Class::User, Tier::Standard, &none).requests_per_minute, 10);
        assert_eq!(of(Class::User, Tier::Pro, &none).requests_per_minute, 50);
        assert_eq!(of(Class::Agent, Tier::Unlimited, &none).requests_per_minute, 0);
        let rates = |limits: Limits| Operation::ALL.map(|operation| limits.requests_per_minute(operation));
        assert_eq!(rates(of(Class::Agent, Tier::Standard, &none)), [100; 5]);
        assert_eq!(rates(of(Class::User, Tier::Standard, &none)), [10, 10, 60, 10, 10]);
        let seven = Overrides { requests_per_minute: Some(7), ..none };
        assert_eq!(rates(of(Class::User, Tier::Standard, &seven)), [7; 5]);
        let apart = Overrides { queries_per_minute: Some(9), ..seven };
        assert_eq!(rates(of(Class::User, Tier::Standard, &apart)), [7, 7, 9, 7, 7]);
        let sizes = [0, 1, 256, 257].map(|size| Overrides { max_batch_size: Some(size), ..none });
        let sizes = sizes.map(|overrides| of(Class::Agent, Tier::Pro, &overrides).max_batch_size);
        assert_eq!(sizes, [256, 1, 256, 256], "no batch is larger");
        let own = Overrides { jobs_per_day: Some(7), weight: Some(0.5), ..none };
        let limits = of(Class::Agent, Tier::Pro, &own);
        assert_eq!((limits.jobs_per_day, limits.weight, limits.max_active_jobs), (7, 0.5, 2_000));
        assert!(own.check().is_ok() && Overrides { weight: Some(f64::NAN), ..none }.check().is_err());
        assert!(Overrides { weight: Some(0.0), ..none }.check().is_err());
        let jobs = |max| Overrides { jobs_per_day: Some(max), ..none };
        assert!(jobs((1 << 53) - 1).check().is_ok() && jobs(1 << 53).check().is_err());
    }

    #[test]
    fn names_are_those_of_json() {
        for tier in Tier::ALL {
            assert_eq!(serde_json::to_value(tier).unwrap(), tier.as_str());
            assert_eq!(tier.as_str().parse(), Ok(tier));
        }
    }

    #[test]
    fn stored_overrides_of_a_newer_version_can_be_read() {
        let stored = r#"{"jobs_per_day": 7, "polygons_per_day": 9}"#;
        assert_eq!(serde_json::from_str::<Overrides>(stored).unwrap().jobs_per_day, Some(7));
    }

    #[test]
    fn a_patch_sets_and_clears_and_leaves_the_rest() {
        let before = Overrides { jobs_per_day: Some(7), weight: Some(0.5), ..Overrides::default() };
        let patched = |patch: &str| before.patched(&serde_json::from_str(patch).unwrap());
        assert_eq!(patched("{}").unwrap(), before);
        let after = patched(r#"{"weight": null, "max_batch_size": 3, "max_queued_jobs": null}"#).unwrap();
        assert_eq!(after, Overrides { jobs_per_day: Some(7), max_batch_size: Some(3), ..Overrides::default() });
        for wrong in [r#"{"jobs": 1}"#, r#"{"jobs": null}"#, r#"{"weight": "1"}"#, r#"{"max_batch_size": -1}"#] {
            assert!(matches!(patched(wrong), Err(Error::Limits(_))), "{wrong}");
        }
    }
}
