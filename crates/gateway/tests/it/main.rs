//! The gateway from outside: real HTTP, a real redis-server, real files.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod cancel;
mod generate;
mod picture;
mod pictures;
mod process;
mod service;
mod trouble;
mod world;
