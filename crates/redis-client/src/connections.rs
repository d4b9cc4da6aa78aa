//! Connections: a few for all short commands, and further ones for blocking reads and subscriptions.

use crate::Error;
use crate::error::{breaks_connection, is_demoted};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole command: connecting, a second attempt after a broken connection, and the answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Multiplexed connections to one Redis server. A connection that breaks, or whose server has become a replica, is
/// replaced by the next command, which resolves the address anew.
pub struct Connections {
    client: Client,
    slots: Box<[Mutex<Slot>]>,
    next: AtomicUsize,
}

/// The place of one connection.
#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Counts the connections of this slot, so that the failure of an old one does not end its successor.
    generation: u64,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Up to `count` connections (at least one) for short commands, each opened by the first command that uses it. They
    /// are multiplexed, so their number does not bound concurrency.
    ///
    /// # Errors
    /// [`Error::Refused`] when `url` is not the URL of a Redis server.
    pub fn new(url: &str, count: usize) -> Result<Self, Error> {
        let slots = (0..count.max(1)).map(|_| Mutex::default()).collect();
        Ok(Self { client: Client::open(url)?, slots, next: AtomicUsize::new(0) })
    }

    /// Runs a script that may arrive twice: it is sent again over a new connection when the first one had broken.
    ///
    /// # Errors
    /// All of [`Error`], after five seconds at most.
    pub async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.run(true, |mut connection| async move { call.invoke_async(&mut connection).await }).await
    }

    /// Runs a script at most once.
    ///
    /// # Errors
    /// As [`script`](Self::script). After [`Error::Unavailable`] it is unknown whether the script ran.
    pub async fn script_once<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.run(false, |mut connection| async move { call.invoke_async(&mut connection).await }).await
    }

    /// Runs a command that may arrive twice, as [`script`](Self::script).
    ///
    /// # Errors
    /// As [`script`](Self::script).
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.run(true, |mut connection| async move { command.query_async(&mut connection).await }).await
    }

    /// Runs several commands in one round trip, as [`command`](Self::command).
    ///
    /// # Errors
    /// As [`script`](Self::script).
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Error> {
        self.run(true, |mut connection| async move { pipeline.query_async(&mut connection).await }).await
    }

    /// A connection without a response timeout, for blocking reads.
    ///
    /// # Errors
    /// All of [`Error`] but [`Error::Memory`], [`Error::Disk`] and [`Error::Replicas`].
    pub async fn blocking(&self) -> Result<MultiplexedConnection, Error> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// A connection for subscriptions.
    ///
    /// # Errors
    /// As [`blocking`](Self::blocking).
    pub async fn subscriber(&self) -> Result<PubSub, Error> {
        within(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await
    }

    async fn run<T, F>(&self, may_repeat: bool, command: impl Fn(MultiplexedConnection) -> F) -> Result<T, Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let slot = &self.slots[self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len()];
        let attempt = async || {
            let (connection, generation) = self.connect(slot).await?;
            let result = command(connection).await;
            if result.as_ref().is_err_and(breaks_connection) {
                let mut slot = slot.lock().await;
                if slot.generation == generation {
                    slot.connection = None;
                }
            }
            result
        };
        let attempts = async {
            match attempt().await {
                Err(error) if is_demoted(&error) || (may_repeat && error.is_connection_dropped()) => attempt().await,
                result => result,
            }
        };
        let result = tokio::time::timeout(COMMAND_TIMEOUT, attempts).await;
        Ok(result.map_err(|late| Error::Unavailable(Box::new(late)))??)
    }

    /// The connection of a slot, opened if there is none, and its generation.
    async fn connect(&self, slot: &Mutex<Slot>) -> RedisResult<(MultiplexedConnection, u64)> {
        let mut slot = slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((connection.clone(), slot.generation));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        slot.generation += 1;
        slot.connection = Some(connection.clone());
        Ok((connection, slot.generation))
    }
}

/// The answer to a command, or [`Error::Unavailable`] when it has not come after `limit`.
///
/// # Errors
/// All of [`Error`].
pub async fn within<T>(limit: Duration, answer: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    Ok(tokio::time::timeout(limit, answer).await.map_err(|late| Error::Unavailable(Box::new(late)))??)
}
