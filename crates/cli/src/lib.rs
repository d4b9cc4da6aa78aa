//! `orfeas`, the command-line program.
//!
//! * [`up`]: the whole service from one command, in one terminal.
//! * [`generate`]: pictures in, meshes out, through the HTTP API.
//! * [`models`]: the model files of this machine, and the published ones.
//! * [`Error`]: one line for people, one exit code for scripts.
//!
//! It speaks HTTP to the services and starts them as processes; it knows neither Redis's keys nor libtorch.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program speaks on its terminal

mod error;
pub mod generate;
pub mod models;
mod session;
pub mod up;

pub use error::Error;
pub use session::Session;
