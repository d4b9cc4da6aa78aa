//! The status service: jobs, their events and their files.
//!
//! It only reads, so any number of instances can run side by side.
//!
//! [`start`] runs the whole service inside the calling process; `main.rs` adds the command line, signals and logs. Another
//! server can include its [`routes()`].

mod app;
mod file;
mod options;
mod routes;
mod sse;

pub use app::start;
pub use options::Options;
pub use routes::{Heartbeat, routes};
