//! The gateway: the way in.
//!
//! A request to make a mesh is authenticated, read, checked, stored and queued, in this order; nothing is stored of a
//! request that is refused. The answer is 202 with the job's id: the mesh is made elsewhere, and the status service
//! tells of it.
//!
//! [`start`] runs the whole service inside the calling process; `main.rs` adds only a command line, signals and logs.

mod app;
mod intake;
mod options;
mod routes;
mod upload;

pub use app::{Error, start};
pub use options::{IntakeOptions, Options};
