//! The HTTP layer over real HTTP, on a real redis-server: authentication, refusals, probes.

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
