//! Tests of the queue, each on a redis-server of its own.

#![allow(clippy::unwrap_used)]

mod batches;
mod bounds;
mod cancel_requested;
mod cost;
mod crowd;
mod dead;
mod fair;
mod faults;
mod hand_over;
mod lane_bounds;
mod lanes;
mod life;
mod model;
mod once;
mod outages;
mod outbox;
mod population;
mod reference;
mod references;
mod state;
mod unreadable;
mod watch;
mod world;
