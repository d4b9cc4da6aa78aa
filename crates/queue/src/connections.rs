//! Connections: a few for all short commands, and further ones for those who wait.

use crate::error::Error;
use crate::options::RedisUrl;
use deadpool_redis::{Connection, Manager, Pool, Runtime};
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// Connections that carry the short commands. Each is multiplexed, so they are not what bounds concurrency.
const LINES: usize = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole command: finding a connection, once more after a broken one, and the answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Lines to Redis. Checking a connection out of the pool costs a round trip (the pool asks whether it still lives), so
/// each line keeps the one it has for as long as it works, and asks the pool for another when it broke.
pub(crate) struct Connections {
    client: Client,
    pool: Pool,
    lines: [Mutex<Line>; LINES],
    next: AtomicUsize,
}

#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    /// Counts the connections that this line has had.
    generation: u64,
}

impl Connections {
    pub(crate) fn new(url: &RedisUrl) -> Result<Self, Error> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let manager = Manager::new_with_config(url.expose(), config)?;
        let pool = Pool::builder(manager)
            .max_size(LINES)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(COMMAND_TIMEOUT))
            .build()
            .map_err(|error| Error::Unavailable(Box::new(error)))?;
        let client = Client::open(url.expose())?;
        Ok(Self { client, pool, lines: Default::default(), next: AtomicUsize::new(0) })
    }

    pub(crate) async fn script<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        self.run(|mut line| async move { call.invoke_async(&mut line).await }).await
    }

    pub(crate) async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.run(|mut line| async move { command.query_async(&mut line).await }).await
    }

    pub(crate) async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, Error> {
        self.run(|mut line| async move { pipeline.query_async(&mut line).await }).await
    }

    /// A connection for blocking reads: it waits for an answer for as long as the reader does.
    pub(crate) async fn blocking(&self) -> Result<MultiplexedConnection, Error> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_TIMEOUT)).set_response_timeout(None);
        Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// A connection that is told of events.
    pub(crate) async fn subscriber(&self) -> Result<PubSub, Error> {
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, self.client.get_async_pubsub());
        Ok(connect.await.map_err(|late| Error::Unavailable(Box::new(late)))??)
    }

    /// Runs a command, and once more over a new connection when the one it was given had broken. Every command of this
    /// crate may arrive twice.
    async fn run<T, F>(&self, command: impl Fn(MultiplexedConnection) -> F) -> Result<T, Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let line = &self.lines[self.next.fetch_add(1, Ordering::Relaxed) % LINES];
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
        let both = async {
            match attempt().await? {
                Err(error) if error.is_connection_dropped() => Ok(attempt().await??),
                result => Ok(result?),
            }
        };
        tokio::time::timeout(COMMAND_TIMEOUT, both).await.map_err(|late| Error::Unavailable(Box::new(late)))?
    }

    async fn connection(&self, line: &Mutex<Line>) -> Result<(MultiplexedConnection, u64), Error> {
        let mut line = line.lock().await;
        if line.connection.is_none() {
            let connection = self.pool.get().await.map_err(|error| match error {
                deadpool_redis::PoolError::Backend(error) => Error::from(error),
                error => Error::Unavailable(Box::new(error)),
            })?;
            line.connection = Some(connection);
            line.generation += 1;
        }
        let connection = line.connection.as_ref().expect("it has just been filled. This is a bug.");
        Ok((MultiplexedConnection::clone(connection), line.generation))
    }
}
