//! The system from external.
#![allow(clippy::unwrap_used)]

mod agents_page;
mod chaos;
mod contract;
mod documents;
mod faults;
mod gltf;
mod isolation;
mod job;
mod resolver;
