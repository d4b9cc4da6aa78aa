//! What the Redis server must be able to do, checked before the first script runs.

use crate::error::Error;
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
    let version = get("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Err(Error::Unsupported { found: version });
    }
    let policy = get("maxmemory_policy");
    if policy != "noeviction" {
        tracing::warn!(redis = %options.redis_url, %policy, "Redis may evict jobs: set maxmemory-policy noeviction");
    }
    if get("aof_enabled") == "0" {
        tracing::warn!(redis = %options.redis_url, "Redis keeps no append-only file: a restart loses all jobs");
    }
    Ok(())
}
