//! The status service: the way out.
//!
//! It tells where a job stands, once or as a stream of events, and serves what came of it. It reads and never writes:
//! any number of them can run beside each other.
//!
//! [`start`] runs the whole service inside the calling process; `main.rs` adds only a command line, signals and logs. A
//! server that does more takes its [`routes()`].

mod app;
mod file;
mod options;
mod outcome;
mod routes;
mod sse;

pub use app::start;
pub use options::Options;
pub use routes::{Heartbeat, routes};
