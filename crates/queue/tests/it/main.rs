//! The queue on a real redis-server, one per test.

#![allow(clippy::unwrap_used)]

mod batches;
mod bounds;
mod cancel_requested;
mod cost;
mod crowd;
mod dead;
mod fair;
mod faults;
mod life;
mod model;
mod once;
mod reference;
mod state;
mod watch;
mod world;
