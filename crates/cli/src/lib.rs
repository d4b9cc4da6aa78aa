//! `orfeas`, the command-line program.
//!
//! * [`up`]: the whole service from one command, in one terminal.
//! * [`generate`]: images in, meshes out, through the HTTP API.
//! * [`agents`]: the tenants of a server and their keys.
//! * [`audit`]: the log of what was allowed and refused.
//! * [`dead_letters`]: jobs that used up their attempts.
//! * [`models`]: the model files of this machine, the published ones, and those of a server.
//! * [`Error`]: one line for people, one exit code for scripts.
//!
//! It uses the services over HTTP and starts them as processes. It does not link libtorch, and uses Redis through the
//! crates `access` and `queue` only.

pub mod agents;
pub mod audit;
mod command;
pub mod dead_letters;
mod error;
pub mod generate;
mod http;
pub mod models;
mod place;
mod server;
mod session;
mod table;
mod terminal;
mod text;
pub mod up;

pub use command::Cli;
pub use error::Error;
pub use server::ServerOptions;
pub use session::Session;
