//! Tests of the whole system, by its public interfaces.
#![allow(clippy::unwrap_used)]

mod agents_page;
mod chaos;
mod contract;
mod documents;
mod faults;
mod gltf;
mod isolation;
mod job;
mod mixed_versions;
mod resolver;
