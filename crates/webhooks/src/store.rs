//! Storage of endpoints and deliveries in Redis.

use crate::Error;
use redis::{FromRedisValue, Script, ScriptInvocation};
use redis_client::{Connections, scripts};

scripts! {
    /// All scripts. Each is idempotent.
    pub(crate) struct Scripts of ["prelude.lua"] {
        put_endpoint: writes,
        remove_endpoint: frees,
        endpoints: reads,
        enqueue: writes,
        claim: frees,
        settle: frees,
        list: reads,
        replay: writes,
    }
}

/// The keys under one prefix, and the scripts that use them.
pub(crate) struct Store {
    connections: Connections,
    /// In the order of `prelude.lua`.
    keys: [String; 9],
    pub(crate) scripts: Scripts,
}

impl Store {
    /// The first command connects.
    pub(crate) fn new(redis_url: &str, prefix: &str) -> Result<Self, Error> {
        let names = ["endpoints:", "delivery:", "deliveries:", "due:", "ready", "unproven", "proven", "kept", "due"];
        let keys = names.map(|name| format!("{prefix}:{{webhooks}}:{name}"));
        Ok(Self { connections: Connections::new(redis_url, 1)?, keys, scripts: Scripts::new() })
    }

    /// A call of `script` with all keys; the caller adds the arguments.
    pub(crate) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation
    }

    /// Runs a script.
    pub(crate) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        Ok(self.connections.script(call).await?)
    }
}
