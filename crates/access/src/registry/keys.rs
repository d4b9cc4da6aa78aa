//! The registry's keys in Redis.

use redis::{Script, ScriptInvocation};

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

/// All scripts. What takes rights away, and what only reads, also runs when Redis is out of memory.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) enrol: Script,
    pub(super) find: Script,
    pub(super) add: Script,
    pub(super) issue: Script,
    pub(super) revoke: Script,
    pub(super) replace: Script,
    pub(super) show: Script,
    pub(super) list: Script,
    pub(super) used: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            enrol: script!("", "enrol.lua"),
            find: script!(" flags=no-writes,allow-oom", "find.lua"),
            add: script!("", "add.lua"),
            issue: script!("", "issue.lua"),
            revoke: script!(" flags=allow-oom", "revoke.lua"),
            replace: script!(" flags=allow-oom", "replace.lua"),
            show: script!(" flags=no-writes,allow-oom", "show.lua"),
            list: script!(" flags=no-writes,allow-oom", "list.lua"),
            used: script!(" flags=allow-oom", "used.lua"),
        }
    }
}
