//! The state moves: one Lua script each, so that each happens as a whole or not at all.

use redis::Script;

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
        Script::new(concat!(
            $shebang,
            include_str!("scripts/prelude.lua"),
            include_str!("scripts/fair.lua"),
            include_str!("scripts/moves.lua"),
            include_str!(concat!("scripts/", $name))
        ))
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
    pub(crate) line: Script,
    pub(crate) list: Script,
    pub(crate) announce: Script,
    pub(crate) ended: Script,
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
            line: script!("line.lua", allow_oom),
            list: script!("list.lua", allow_oom),
            announce: script!("announce.lua", allow_oom),
            ended: script!("ended.lua", allow_oom),
        }
    }
}
