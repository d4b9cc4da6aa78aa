//! What the Redis server must be able to do, checked before the first script runs.

use crate::error::Error;
use crate::keys::Keys;
use crate::options::RedisOptions;
use redis_client::Connections;

/// The oldest major version with all commands and script flags that are used.
const OLDEST: u32 = 7;

/// Checks the version, and warns of settings with which jobs can be lost. A server that does not permit `INFO` is used
/// as it is, with a warning.
pub(crate) async fn check(connections: &Connections, options: &RedisOptions) -> Result<(), Error> {
    let info: redis::InfoDict = match connections.command(&redis::cmd("INFO")).await {
        Ok(info) => info,
        Err(redis_client::Error::Refused(error)) if error.code() == Some("NOPERM") => {
            tracing::warn!(redis = %options.redis_url, "the version and settings of Redis cannot be checked: INFO is not permitted");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let get = |name| info.get::<String>(name).unwrap_or_default();
    check_version(&get("redis_version"))?;
    let policy = get("maxmemory_policy");
    if policy != "noeviction" {
        tracing::warn!(redis = %options.redis_url, %policy, "Redis may evict jobs: set maxmemory-policy noeviction");
    }
    if get("aof_enabled") == "0" {
        tracing::warn!(redis = %options.redis_url, "Redis keeps no append-only file: a restart loses all jobs");
    }
    Ok(())
}

fn check_version(version: &str) -> Result<(), Error> {
    match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= OLDEST => Ok(()),
        _ => Err(Error::Unsupported { found: version.to_owned() }),
    }
}

/// Checks that no unfinished jobs of a version before lanes are stored. Their keys overlap with the present ones, and
/// they would neither run nor be found.
pub(crate) async fn check_layout(connections: &Connections, keys: &Keys) -> Result<(), Error> {
    let key = keys.old_open();
    match connections.command(redis::cmd("ZCARD").arg(&key)).await? {
        0 => Ok(()),
        jobs => Err(Error::OldLayout { jobs, key }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_redis_7_are_refused_with_their_version() {
        for version in ["7.0.0", "7.2.4", "8.0", "10.1.0"] {
            assert!(check_version(version).is_ok(), "{version}");
        }
        for version in ["6.2.14", "5.0", "", "seven"] {
            let error = check_version(version).unwrap_err();
            assert_eq!(error.to_string(), format!("Redis {version} is too old: 7.0 is needed"));
            assert!(!error.is_retryable());
        }
    }
}
