//! Authentication, limits and audit on a real redis-server.

#![allow(clippy::unwrap_used)]

mod at_rest;
mod audit;
mod caller;
mod keys;
mod limits;
mod limits_cost;
mod limits_crowd;
mod master;
mod nonces;
mod tampered;
mod tenants;
mod tiers;
mod timing;
mod world;
