//! Connections: a few for all short commands, and further ones for those who wait.

use crate::Error;
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole command: finding a connection, once more after a broken one, and the answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Lines to Redis. Checking a connection out of the pool costs a round trip (the pool asks whether it still lives), so
/// each line keeps the one it has for as long as it works, and asks the pool for another when it broke.
pub struct Connections {
    client: Client,
    pool: Pool,
    lines: Box<[Mutex<Line>]>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    /// Counts the connections that this line has had.
    generation: u64,
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}

impl Connections {
    /// Up to `lines` connections (at least one) for short commands, each opened by the first command that comes to it. They are
    /// multiplexed, so their number is not what bounds concurrency.
    ///
    /// # Errors
    /// [`Error::Refused`] when `url` is not the URL of a Redis server.
    pub fn new(url: &str, lines: usize) -> Result<Self, Error> {
        let lines = lines.max(1);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let pool = Pool::builder(Manager::new_with_config(url, config)?)
            .max_size(lines)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(COMMAND_TIMEOUT))
            .build()
            .map_err(|error| Error::Unavailable(Box::new(error)))?;
        let lines = (0..lines).map(|_| Mutex::default()).collect();
        Ok(Self { client: Client::open(url)?, pool, lines, next: AtomicUsize::new(0) })
    }

    /// Runs a script that may arrive twice: once more over a new connection when the one it was given had broken.
    ///
    /// # Errors
    /// All of [`Error`], after five seconds at most.
    pub async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.run(true, |mut line| async move { call.invoke_async(&mut line).await }).await
    }

    /// Runs a script at most once.
    ///
    /// # Errors
    /// As [`script`](Self::script). After [`Error::Unavailable`] nobody knows whether it ran.
    pub async fn script_once<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.run(false, |mut line| async move { call.invoke_async(&mut line).await }).await
    }

    /// Runs a command that may arrive twice, as [`script`](Self::script).
    ///
    /// # Errors
    /// As [`script`](Self::script).
    pub async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.run(true, |mut line| async move { command.query_async(&mut line).await }).await
    }

    /// Runs several commands in one round trip, as [`command`](Self::command).
    ///
    /// # Errors
    /// As [`script`](Self::script).
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Error> {
        self.run(true, |mut line| async move { pipeline.query_async(&mut line).await }).await
    }

    /// A connection for blocking reads: it waits for an answer for as long as the reader does.
    ///
    /// # Errors
    /// All of [`Error`] but [`Error::Memory`].
    pub async fn blocking(&self) -> Result<MultiplexedConnection, Error> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// A connection that is told of what others publish.
    ///
    /// # Errors
    /// As [`blocking`](Self::blocking).
    pub async fn subscriber(&self) -> Result<PubSub, Error> {
        within(CONNECT_TIMEOUT, self.client.get_async_pubsub()).await
    }

    async fn run<T, F>(&self, twice: bool, command: impl Fn(MultiplexedConnection) -> F) -> Result<T, Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let line = &self.lines[self.next.fetch_add(1, Ordering::Relaxed) % self.lines.len()];
        let attempt = async || {
            let (connection, generation) = self.connection(line).await?;
            let result = command(connection).await;
            if result.as_ref().is_err_and(|error| error.is_io_error() || error.is_unrecoverable_error()) {
                let mut line = line.lock().await;
                if line.generation == generation
                    && let Some(broken) = line.connection.take()
                {
                    // Out of the pool with it, or the pool would hand it out again.
                    drop(Connection::take(broken));
                }
            }
            Ok::<_, Error>(result)
        };
        let all = async {
            match attempt().await? {
                Err(error) if twice && error.is_connection_dropped() => Ok(attempt().await??),
                result => Ok(result?),
            }
        };
        tokio::time::timeout(COMMAND_TIMEOUT, all).await.map_err(|late| Error::Unavailable(Box::new(late)))?
    }

    async fn connection(&self, line: &Mutex<Line>) -> Result<(MultiplexedConnection, u64), Error> {
        let mut line = line.lock().await;
        let connection = match line.connection.take() {
            Some(connection) => connection,
            None => {
                let connection = self.pool.get().await?;
                line.generation += 1;
                connection
            }
        };
        let clone = MultiplexedConnection::clone(&connection);
        line.connection = Some(connection);
        Ok((clone, line.generation))
    }
}

/// The answer to a command, or [`Error::Unavailable`] when it has not come after `limit`.
///
/// # Errors
/// All of [`Error`].
pub async fn within<T>(limit: Duration, answer: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    Ok(tokio::time::timeout(limit, answer).await.map_err(|late| Error::Unavailable(Box::new(late)))??)
}
