//! The registry's keys in Redis.

use redis::{Script, ScriptInvocation};
use redis_client::scripts;

/// The keys under one prefix. All carry the hash tag `{access}`, so that a cluster keeps them on one node and a script
/// may touch them all.
#[derive(Debug)]
pub(super) struct Keys([String; 7]);

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        // In the order in which `prelude.lua` names them.
        let names = ["tenant:", "key:", "keys-of:", "tenants", "names", "hashes", "master"];
        Self(names.map(|name| format!("{prefix}:{{access}}:{name}")))
    }

    /// A call of `script` with all keys; the arguments are the caller's.
    pub(super) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        for key in &self.0 {
            invocation.key(key);
        }
        invocation
    }
}

scripts! {
    /// All scripts. What takes rights away, and what only reads, also runs when Redis is out of memory.
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
