//! The line to Redis.

use crate::Error;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisResult, ScriptInvocation};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole command: a new connection after a broken one, and the answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// One multiplexed connection that comes back after it broke; clones share it.
#[derive(Clone)]
pub(crate) struct Line(ConnectionManager);

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    /// Connects with the first command.
    pub(crate) fn new(redis_url: &str) -> Result<Self, Error> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50));
        Ok(Self(ConnectionManager::new_lazy_with_config(Client::open(redis_url)?, config)?))
    }

    /// Runs a script, and once more over a new connection when the one it was given had broken: only for scripts that
    /// may run twice.
    pub(crate) async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        let twice = async {
            match self.invoke(call).await {
                Err(error) if error.is_connection_dropped() => self.invoke(call).await,
                result => result,
            }
        };
        within(twice).await
    }

    /// Runs a script at most once.
    pub(crate) async fn script_once<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        within(self.invoke(call)).await
    }

    async fn invoke<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> RedisResult<T> {
        call.invoke_async(&mut self.0.clone()).await
    }
}

async fn within<T>(command: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    let answer = tokio::time::timeout(COMMAND_TIMEOUT, command).await;
    Ok(answer.map_err(|late| Error::Unavailable(Box::new(late)))??)
}
