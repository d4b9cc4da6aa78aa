//! The crate from outside, as a server and as a client use it.
#![allow(clippy::unwrap_used)]

mod interop;
mod no_panics;
mod policy;
mod sample;
mod tampering;
