//! The state moves: one Lua script each, so that each happens as a whole or not at all.

use crate::keys::Keys;
use redis::{Script, ScriptInvocation};

/// A script without flags is refused before it begins when Redis is out of memory: nothing is ever half submitted.
/// Moves of jobs that are already there go on, since they are what frees memory.
macro_rules! script {
    ($name:literal) => {
        script!("#!lua\n", $name)
    };
    ($name:literal, allow_oom) => {
        script!("#!lua flags=allow-oom\n", $name)
    };
    ($shebang:literal, $name:literal) => {
        Script::new(concat!($shebang, include_str!("scripts/prelude.lua"), include_str!(concat!("scripts/", $name))))
    };
}

/// All scripts. Redis is sent a script's digest, and its text only when it does not know it (after a restart).
#[derive(Debug)]
pub(crate) struct Scripts {
    pub(crate) submit: Script,
    pub(crate) lease: Script,
    pub(crate) renew: Script,
    pub(crate) end: Script,
    pub(crate) cancel: Script,
    pub(crate) sweep: Script,
    pub(crate) redrive: Script,
    pub(crate) enrol: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            submit: script!("submit.lua"),
            lease: script!("lease.lua", allow_oom),
            renew: script!("renew.lua", allow_oom),
            end: script!("end.lua", allow_oom),
            cancel: script!("cancel.lua", allow_oom),
            sweep: script!("sweep.lua", allow_oom),
            redrive: script!("redrive.lua"),
            enrol: script!("enrol.lua", allow_oom),
        }
    }
}

/// A call of `script` with all keys; the arguments are the caller's.
pub(crate) fn call<'a>(script: &'a Script, keys: &Keys) -> ScriptInvocation<'a> {
    let mut invocation = script.prepare_invoke();
    for key in keys.all() {
        invocation.key(key);
    }
    invocation
}
