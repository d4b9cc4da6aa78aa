//! The moves: one Lua script each, so that each happens as a whole or not at all.

redis_client::scripts! {
    /// All scripts. Nothing is submitted when Redis is out of memory; moves of jobs that are already there go on,
    /// because they free memory.
    pub(crate) struct Scripts of ["prelude.lua", "lanes.lua", "places.lua", "moves.lua"] {
        submit: writes,
        work: frees,
        cancel: frees,
        sweep: frees,
        redrive: writes,
        probe: writes,
        announce: frees,
        outbox: frees,
        entry: reads,
        events: reads,
        batch: reads,
        position: reads,
        list: reads,
        status: reads,
    }
}
