//! The status service from outside: real HTTP, a real redis-server, real files.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod events;
mod job;
mod lists;
mod newer;
mod process;
mod result;
mod service;
mod tenants;
mod trouble;
mod world;
