//! What is kept in Redis, and the line to it.

use crate::Error;
use redis::{FromRedisValue, Script, ScriptInvocation};
use redis_client::{Connections, scripts};

scripts! {
    /// All scripts. Each may arrive twice.
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

/// The keys under one prefix, and the scripts that know them.
pub(crate) struct Store {
    line: Connections,
    /// In the order in which `prelude.lua` names them.
    keys: [String; 4],
    pub(crate) scripts: Scripts,
}

impl Store {
    /// Connects with the first command.
    pub(crate) fn new(redis_url: &str, prefix: &str) -> Result<Self, Error> {
        let names = ["endpoints:", "delivery:", "deliveries:", "due"];
        let keys = names.map(|name| format!("{prefix}:{{webhooks}}:{name}"));
        Ok(Self { line: Connections::new(redis_url, 1)?, keys, scripts: Scripts::new() })
    }

    /// A call of `script` with all keys; the arguments are the caller's.
    pub(crate) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation
    }

    /// Runs a script.
    pub(crate) async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, Error> {
        Ok(self.line.script(call).await?)
    }
}
