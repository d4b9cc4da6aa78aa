//! Attacks on the client, and ordinary responses.

#![allow(clippy::unwrap_used)]

mod answers;
mod secure;
mod tricks;
mod world;
