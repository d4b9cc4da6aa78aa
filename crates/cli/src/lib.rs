//! `orfeas`, the command-line program.
//!
//! * [`agents`]: the tenants of a server and their keys.
//! * [`audit`]: who asked for what, and what was said.
//! * [`up`]: the whole service from one command, in one terminal.
//! * [`generate`]: pictures in, meshes out, through the HTTP API.
//! * [`models`]: the model files of this machine, and the published ones.
//! * [`Error`]: one line for people, one exit code for scripts.
//!
//! It speaks HTTP to the services and starts them as processes; it knows neither Redis's keys (`access` does) nor libtorch.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program speaks on its terminal

pub mod agents;
pub mod audit;
mod error;
pub mod generate;
pub mod models;
mod session;
mod table;
pub mod up;

pub use error::Error;
pub use session::Session;
