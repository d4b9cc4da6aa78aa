//! What a job is: ids, parameters with their ranges, states, stages, progress, results.
//!
//! Every other room speaks in these types. There is no I/O here, no clock and no runtime: a value of these types is
//! plain data that serde can write, and one that exists is valid.
//!
//! * [`JobId`], [`BatchId`], [`BlobId`]: names of things. [`Class`]: whose turn it is first.
//! * [`Parameters`] (what a client asked for, each value within its range).
//! * [`Job`]: what the queue carries; [`JobRecord`]: what is known of it.
//! * [`JobState`], [`Stage`], [`Progress`]: where it stands.
//! * [`ResultRecord`], [`Quality`]: what came of it; [`Failure`]: what went wrong.

mod failure;
mod id;
mod job;
mod parameters;
mod progress;
mod result;

pub use failure::Failure;
pub use id::{BatchId, BlobId, InvalidId, JobId};
pub use job::{Class, Job, JobRecord, JobState};
pub use parameters::{InvalidParameter, MeshFormat, ParameterRange, Parameters, RANGES};
pub use progress::{JobEvent, Progress, Stage};
pub use result::{Quality, ResultRecord, Timings};
