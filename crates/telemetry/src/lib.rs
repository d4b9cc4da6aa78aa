//! Logs, traces and metrics of a service.
//!
//! * [`init()`] sets up all three for one process, from [`TelemetryOptions`]; its [`Guard`] flushes them at the end.
//! * Logs are lines of JSON on standard output, with the fields of the span in which they were written.
//! * Traces always exist, so that logs and error bodies can name a trace id; they are exported, over OTLP gRPC, only if
//!   an endpoint is set. [`traceparent`] and [`set_parent`] carry a trace through a queue.
//! * Metrics are collected for Prometheus and printed by [`render`]. The name, unit and help text of each metric is
//!   defined in [`names`] only.

mod context;
mod init;
mod metrics;
pub mod names;
mod options;

pub use context::{link_to, set_parent, trace_id, traceparent};
pub use init::{Error, Guard, init};
pub use metrics::{install_recorder, render};
pub use options::{LogFormat, TelemetryOptions};
