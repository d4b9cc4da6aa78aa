//! The gate over real HTTP, on a real redis-server: who is let in, and what all others are told.

#![allow(clippy::unwrap_used)]

mod bodies;
mod denied;
mod edge;
mod network;
mod pages;
mod rotation;
mod signed;
mod stores;
mod timing;
mod world;
