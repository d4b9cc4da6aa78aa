//! `orfeas`, the command-line program.
//!
//! * [`up`]: the whole service from one command, in one terminal.
//! * [`generate`]: pictures in, meshes out, through the HTTP API.
//! * [`agents`]: the tenants of a server and their keys.
//! * [`audit`]: the log of what was allowed and refused.
//! * [`models`]: the model files of this machine, the published ones, and those of a server.
//! * [`Error`]: one line for people, one exit code for scripts.
//!
//! It uses the services over HTTP and starts them as processes; it links neither libtorch nor a Redis client of its own
//! (the registry is opened by the crate `access`).

pub mod agents;
pub mod audit;
mod command;
mod error;
pub mod generate;
mod http;
pub mod models;
mod server;
mod session;
mod table;
mod terminal;
pub mod up;

pub use command::Cli;
pub use error::Error;
pub use server::ServerOptions;
pub use session::Session;
