//! The queue on a real redis-server, one per test.

#![allow(clippy::unwrap_used)]

mod cost;
mod crowd;
mod dead;
mod faults;
mod life;
mod model;
mod state;
mod watch;
mod world;
