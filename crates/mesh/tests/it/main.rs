//! The crate from outside: golden vectors, properties of random fields, and files read back by other people's readers.
#![allow(clippy::unwrap_used)]

mod clean;
mod files;
mod golden;
mod shapes;
mod simplify;
mod surface;
mod surface_golden;
mod thumbnail;
