//! The options of the queue.

use redis::IntoConnectionInfo;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const DEFAULT_URL: &str = "redis://127.0.0.1:6379";
const DEFAULT_PREFIX: &str = "orfeas";
const DEFAULT_MAX_DEPTH: u64 = 10_000;
const DEFAULT_USERS_SHARE: u32 = 5;
const DEFAULT_RETENTION_SECONDS: u64 = 86_400;
const DEFAULT_CACHE_SECONDS: u64 = 3600;

/// The Redis server of the queue, and bounds. All processes of an installation need the same values.
#[derive(Debug, Clone, clap::Args)]
pub struct RedisOptions {
    /// The Redis server, 7.0 or newer, as redis://user:password@host:port/database. Give it an append-only file and
    /// the policy `maxmemory-policy noeviction`, or jobs can be lost.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, default_value = DEFAULT_URL)]
    pub redis_url: RedisUrl,

    /// Put before every key, so that several installations can share one Redis.
    #[arg(long = "queue-prefix", env = "ORFEAS_QUEUE_PREFIX", default_value = DEFAULT_PREFIX)]
    pub key_prefix: String,

    /// Most jobs that may wait in each class (agents, users, tests); further ones are refused.
    /// 0 means no bound. At 1.2 to 1.6 KB of Redis memory for each waiting job, 10000 need some 17 MB.
    #[arg(long, env = "ORFEAS_QUEUE_MAX_DEPTH", default_value_t = DEFAULT_MAX_DEPTH)]
    pub queue_max_depth: u64,

    /// Jobs of agents go before jobs of users. While users wait, one of so many dispatched jobs is a user's.
    #[arg(long, env = "ORFEAS_USERS_SHARE", default_value_t = DEFAULT_USERS_SHARE,
          value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub users_share: u32,

    /// Seconds for which a finished job and its result are kept.
    #[arg(long, env = "ORFEAS_RESULT_RETENTION", default_value_t = DEFAULT_RETENTION_SECONDS,
          value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub result_retention: u64,

    /// Seconds for which a result also answers equal requests (the same image, parameters, seed and model). 0: each
    /// request makes a job of its own, even while an equal one runs.
    #[arg(long, env = "ORFEAS_RESULT_CACHE", default_value_t = DEFAULT_CACHE_SECONDS,
          value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    pub result_cache_seconds: u64,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            redis_url: RedisUrl(DEFAULT_URL.into()),
            key_prefix: DEFAULT_PREFIX.to_owned(),
            queue_max_depth: DEFAULT_MAX_DEPTH,
            users_share: DEFAULT_USERS_SHARE,
            result_retention: DEFAULT_RETENTION_SECONDS,
            result_cache_seconds: DEFAULT_CACHE_SECONDS,
        }
    }
}

impl RedisOptions {
    /// The defaults, with this server.
    ///
    /// # Errors
    /// When `url` is not a Redis URL.
    pub fn at(url: &str) -> Result<Self, InvalidRedisUrl> {
        Ok(Self { redis_url: url.parse()?, ..Self::default() })
    }

    /// These options with another prefix.
    pub fn with_prefix(self, key_prefix: &str) -> Self {
        Self { key_prefix: key_prefix.to_owned(), ..self }
    }
}

/// The URL of a Redis server. Its `Debug` and `Display` leave user and password out.
#[derive(Clone)]
pub struct RedisUrl(SecretString);

/// A text that is not the URL of a Redis server. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not a Redis URL of the form redis://user:password@host:port/database (TLS is not built in)")]
pub struct InvalidRedisUrl;

impl RedisUrl {
    /// The URL itself, with user and password.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRedisUrl> {
        text.into_connection_info().map_err(|_| InvalidRedisUrl)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expose().into_connection_info() {
            Ok(info) => write!(f, "{}", info.addr()),
            Err(_) => f.write_str("invalid URL"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// How a worker holds its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseOptions {
    /// How long a worker that does not renew holds a job.
    pub lease: Duration,
    /// Attempts that each step of a job has. Handing a job back with `release` costs none.
    pub max_attempts: u32,
}

impl Default for LeaseOptions {
    /// 6 seconds, 3 attempts.
    fn default() -> Self {
        Self { lease: Duration::from_secs(6), max_attempts: 3 }
    }
}

impl LeaseOptions {
    /// The time between renewals: a third of the lease, so that one that fails does not cost it.
    pub fn renew_every(&self) -> Duration {
        self.lease / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, FromArgMatches};

    fn parse(arguments: &[&str]) -> Result<RedisOptions, clap::Error> {
        let command = RedisOptions::augment_args(clap::Command::new("test").no_binary_name(true));
        RedisOptions::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let (parsed, default) = (parse(&[]).unwrap(), RedisOptions::default());
        assert_eq!(format!("{parsed:?}"), format!("{default:?}"));
        assert_eq!(parsed.redis_url.expose(), default.redis_url.expose());
    }

    #[test]
    fn the_password_is_never_shown() {
        let options = parse(&["--redis-url", "redis://ada:hunter2@example.org:7000/3"]).unwrap();
        let shown = format!("{options:?} {}", options.redis_url);
        assert!(shown.contains("example.org:7000") && !shown.contains("hunter2"), "{shown}");
        let error = "postgres://ada:hunter2@example.org".parse::<RedisUrl>().unwrap_err();
        assert!(!format!("{error:?} {error}").contains("hunter2"));
    }
}
