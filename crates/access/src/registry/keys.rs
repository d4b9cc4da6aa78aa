//! Names of the registry's keys in Redis.

use redis::{Script, ScriptInvocation};
use redis_client::scripts;

/// The keys under one prefix. All have the hash tag `{access}`, as one script may access several of them.
#[derive(Debug)]
pub(super) struct Keys([String; 7]);

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        // In the order of `prelude.lua`.
        let names = ["tenant:", "key:", "keys-of:", "tenants", "names", "hashes", "master"];
        Self(names.map(|name| format!("{prefix}:{{access}}:{name}")))
    }

    /// The key that stores the root key.
    pub(super) fn master(&self) -> &str {
        let [.., master] = &self.0;
        master
    }

    /// A call of `script` with all keys; the caller adds the arguments.
    pub(super) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        for key in &self.0 {
            invocation.key(key);
        }
        invocation
    }
}

scripts! {
    /// All scripts. Those that only read or revoke also run when Redis is out of memory.
    pub(super) struct Scripts of ["prelude.lua"] {
        enrol: writes,
        reseal: frees,
        find: reads,
        add: writes,
        issue: writes,
        revoke: frees,
        replace: frees,
        show: reads,
        list: reads,
        used: frees,
    }
}
