//! Webhooks end to end: a real redis-server, real jobs, real HTTP.

#![allow(clippy::unwrap_used)]

mod crash;
mod endpoints;
mod events;
mod fairness;
mod retries;
mod signed;
mod world;
