//! The worker: takes jobs from the queue and turns them into meshes.
//!
//! ```text
//! queue --lease--> job (one task each) --Task--> engine (one thread, owns the model, steps a running batch)
//!                   |  renews, tells progress <--Event--  |
//!                   <------------- Field -----------------
//!                   --> CPU threads: surface, clean, simplify, measure, draw, write --> blobs --> queue
//! ```
//!
//! * [`app::run`]: the worker's life; [`exit`]: how it leaves.
//! * [`engine`]: the running batch; [`plan`]: who joins it; [`limit`]: how large it may be.
//! * `job`: one attempt from its lease to its end; [`finishing`]: from a field to files.
//! * [`options`]: the manual.

pub mod app;
pub mod engine;
pub mod exit;
mod failure;
pub mod families;
pub mod finishing;
mod gpu;
mod job;
pub mod limit;
mod memory;
pub mod options;
pub mod plan;
mod probes;
pub mod progress;
mod readings;
