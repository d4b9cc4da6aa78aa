//! The worker: leases jobs from the queue and runs them on its models.
//!
//! ```text
//! queue --lease--> run_job (a task per job) --Task--> engine (a thread per model, steps a running batch)
//!                   | renews, reports progress <--Event-- |
//!                   <------------- Field -----------------
//!                   --> CPU threads: surface, cleaning, measures, thumbnail, file --> blobs --> queue
//! ```
//!
//! * [`app::run`]: the process; [`exit`]: its exit codes; [`options`]: the manual.
//! * `job`: an attempt, from its lease to its end; `renewal`: keeping the lease; `progress`: stages and timings.
//! * `image_to_mesh`: the kind of job; [`postprocess`]: from a field to files; `storage`: images in, results out.
//! * [`engine`]: the running batch; [`plan`]: which jobs join it; [`limit`]: how large it may be.
//! * `memory`: the budget of main memory. `announce`: what the worker can do.

mod announce;
pub mod app;
mod cgroup;
mod context;
pub mod engine;
pub mod exit;
mod failure;
pub mod families;
mod gpu;
mod image_to_mesh;
mod job;
pub mod limit;
mod memory;
mod metrics;
mod models;
pub mod options;
pub mod plan;
pub mod postprocess;
mod probes;
mod progress;
mod renewal;
mod storage;
