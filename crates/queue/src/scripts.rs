//! The state moves: one Lua script each, so that each happens as a whole or not at all.

redis_client::scripts! {
    /// All scripts. Nothing is submitted when Redis is out of memory. Moves of jobs that are already there go on, since
    /// they are what frees memory.
    pub(crate) struct Scripts of ["prelude.lua", "fair.lua", "moves.lua"] {
        submit: writes,
        lease: frees,
        renew: frees,
        end: frees,
        cancel: frees,
        sweep: frees,
        redrive: writes,
        enrol: frees,
        entry: reads,
        batch: reads,
        position: reads,
        list: reads,
        announce: frees,
        outbox: frees,
    }
}
