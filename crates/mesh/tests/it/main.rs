//! The public interface: golden vectors, properties of random fields, and files read back by other libraries.
#![allow(clippy::unwrap_used)]

mod clean;
mod closed;
mod files;
mod golden;
mod shapes;
mod simplify;
mod surface;
mod surface_golden;
mod thumbnail;
