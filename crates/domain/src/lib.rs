//! The vocabulary of the installation: ids, job specifications with their parameters, states, progress, results.
//!
//! Every other crate uses these types. They are plain data for serde: no I/O, no clock, no runtime. What is stored is read
//! tolerantly (unknown fields are ignored, unknown kinds become `Unsupported`); requests are validated at the HTTP edge
//! against the tables here.
//!
//! * [`JobId`], [`BatchId`], [`BlobId`]: ids. [`Class`]: the scheduling class.
//! * [`Job`]: what the queue stores; [`JobSpec`]: a step of it; [`JobRecord`]: the record of its life.
//! * [`Needs`], [`Capability`], [`WorkerInfo`], [`ModelInfo`]: what a job needs of a worker, and what workers announce;
//!   [`check_name`]: the characters of names of kinds and models.
//! * [`PARAMETERS`], [`FORMATS`], [`FailureCode`]: the tables of request parameters, mesh formats and failure codes.
//! * [`JobState`], [`Progress`], [`JobEvent`]: where a job stands. [`ResultRecord`], [`Artifact`], [`Quality`]: its result.

mod failure;
mod format;
mod id;
mod job;
mod name;
mod parameters;
mod progress;
mod result;
mod spec;
mod view;
mod worker;

pub use failure::{Failure, FailureCode};
pub use format::{FORMAT_NAMES, FORMATS, FormatInfo, MeshFormat, UnknownFormat};
pub use id::{BatchId, BlobId, InvalidId, JobId};
pub use job::{Class, Job, JobRecord, JobState};
pub use name::{InvalidName, MAX_NAME, check_name};
pub use parameters::{InvalidParameter, PARAMETERS, ParameterInfo, ParameterKind, Parameters};
pub use progress::{JobEvent, Progress};
pub use result::{Artifact, Quality, ResultRecord, StageTiming};
pub use spec::{Capability, ImageToMesh, JobSpec, LEVEL, Needs, ViewImage};
pub use view::{UnknownView, View};
pub use worker::{ModelInfo, StageInfo, WorkerInfo};
