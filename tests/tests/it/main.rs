//! The system from outside.
#![allow(clippy::unwrap_used)]

mod faults;
mod gltf;
mod road;
