//! The gateway: the way in.
//!
//! A request passes six layers, each its own small room, and whatever is refused in one leaves nothing behind:
//!
//! 1. **transport** (`transport`): content type, length, time; how many bodies are read at once.
//! 2. **identity** (`http_api::IncomingRequest`, with the registry in `access`): whose request it is, by its key or its signature.
//! 3. **limits** (`access::limits`): nonce, windows, quotas of the day; then the bounds that the queue holds.
//! 4. **parameters** (`parameters`): every field known, typed and within its range.
//! 5. **image bytes** and 6. **image content** (`intake`, with the crate `picture`): a whole picture in which there is
//!    something to see.
//!
//! `submit` puts what has passed into blobs and queue, once for each name that a client gives its request. The answer is
//! 202 with the job's id: the mesh is made elsewhere, and the status service tells of it.
//!
//! Both APIs, `/api/v1` and `/api/agent`, have the same verbs (`routes`). Jobs of test keys are played here
//! (`test_keys`). What nobody needs any more is swept out of the blobs (`sweep`).
//!
//! [`start`] runs the whole service inside the calling process; `main.rs` adds only a command line, signals and logs.

mod app;
mod fetch;
mod intake;
mod json;
mod options;
mod parameters;
mod routes;
mod submit;
mod sweep;
mod telling;
mod test_keys;
mod transport;

pub use app::{Error, start};
pub use fetch::FetchOptions;
pub use options::{IntakeOptions, Options};
#[cfg(fuzzing)]
pub use parameters::fuzz;
