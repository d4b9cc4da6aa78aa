//! What is kept in Redis, and the line to it.

use crate::Error;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, Script, ScriptInvocation};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole command: a new connection after a broken one, and the answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

macro_rules! script {
    ($flags:literal, $name:literal) => {
        Script::new(concat!(
            "#!lua",
            $flags,
            "\n",
            include_str!("scripts/prelude.lua"),
            include_str!(concat!("scripts/", $name))
        ))
    };
}

/// All scripts. What ends something also runs when Redis is out of memory. Each may arrive twice.
pub(crate) struct Store {
    line: ConnectionManager,
    /// In the order in which `prelude.lua` names them.
    keys: [String; 4],
    pub(crate) put_endpoint: Script,
    pub(crate) remove_endpoint: Script,
    pub(crate) endpoints: Script,
    pub(crate) enqueue: Script,
    pub(crate) claim: Script,
    pub(crate) settle: Script,
    pub(crate) list: Script,
    pub(crate) replay: Script,
}

impl Store {
    /// Connects with the first command.
    pub(crate) fn new(redis_url: &str, prefix: &str) -> Result<Self, Error> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50));
        Ok(Self {
            line: ConnectionManager::new_lazy_with_config(Client::open(redis_url)?, config)?,
            keys: ["endpoints:", "delivery:", "deliveries:", "due"].map(|name| format!("{prefix}:{{webhooks}}:{name}")),
            put_endpoint: script!("", "put_endpoint.lua"),
            remove_endpoint: script!(" flags=allow-oom", "remove_endpoint.lua"),
            endpoints: script!(" flags=no-writes,allow-oom", "endpoints.lua"),
            enqueue: script!("", "enqueue.lua"),
            claim: script!(" flags=allow-oom", "claim.lua"),
            settle: script!(" flags=allow-oom", "settle.lua"),
            list: script!(" flags=no-writes,allow-oom", "list.lua"),
            replay: script!("", "replay.lua"),
        })
    }

    /// A call of `script` with all keys; the arguments are the caller's.
    pub(crate) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation
    }

    /// Runs a script, and once more over a new connection when the one it was given had broken.
    pub(crate) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        let twice = async {
            match call.invoke_async(&mut self.line.clone()).await {
                Err(error) if error.is_connection_dropped() => call.invoke_async(&mut self.line.clone()).await,
                result => result,
            }
        };
        let answer = tokio::time::timeout(COMMAND_TIMEOUT, twice).await;
        Ok(answer.map_err(|late| Error::Unavailable(Box::new(late)))??)
    }
}
