//! What a service tells of itself: logs, traces and metrics.
//!
//! * [`init()`] sets up all three for one process, from [`TelemetryOptions`]; its [`Guard`] flushes them at the end.
//! * Logs are lines of JSON on standard output, with the fields of the span they were written in.
//! * Traces always exist, so that logs and error bodies can name a trace id; they leave the process, over OTLP gRPC,
//!   only when an endpoint is set. [`traceparent`] and [`set_parent`] carry a trace through a queue.
//! * Metrics are kept for Prometheus and given out by [`render`]. Every metric's name, unit and help text stands in
//!   [`names`] and nowhere else.

mod context;
mod init;
mod metrics;
pub mod names;
mod options;

pub use context::{link_to, set_parent, trace_id, traceparent};
pub use init::{Error, Guard, init};
pub use metrics::{install_recorder, render};
pub use options::{LogFormat, TelemetryOptions};
