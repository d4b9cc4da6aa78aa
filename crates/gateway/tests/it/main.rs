//! The gateway from outside: real HTTP, a real redis-server, real files.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod cancel;
mod generate;
#[path = "../../../picture/tests/it/pictures.rs"]
mod pictures;
mod process;
mod service;
mod trouble;
mod world;
