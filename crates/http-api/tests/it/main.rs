//! The gate over real HTTP, on a real redis-server: who is let in, and what all others are told.

#![allow(clippy::unwrap_used)]

mod bodies;
mod denied;
mod network;
mod rotation;
mod signed;
mod timing;
mod world;
