//! The gateway from outside: real HTTP, a real redis-server, real files.

#![allow(clippy::unwrap_used)]

mod admin;
mod agents;
mod api_docs;
mod away;
mod bad_input;
mod batch;
mod bodies;
mod cancel;
mod codes;
mod crafted;
mod dead_letters;
mod decisions;
mod fetched;
mod garbage_collection;
mod generate;
mod hang_up;
mod limits;
mod master_key;
mod models;
mod once;
#[path = "../../../picture/tests/it/pictures.rs"]
mod pictures;
mod process;
mod read_only;
mod service;
#[path = "../../../status/tests/it/tenants.rs"]
mod tenants;
mod test_keys;
mod trouble;
mod webhooks;
mod with_status;
mod world;
