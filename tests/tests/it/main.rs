//! The system from outside.
#![allow(clippy::unwrap_used)]

mod agents_page;
mod chaos;
mod contract;
mod documents;
mod faults;
mod gltf;
mod resolver;
mod road;
mod strangers;
