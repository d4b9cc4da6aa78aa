//! The gateway: accepts requests and turns them into jobs.
//!
//! A request passes these steps, and one that is refused leaves nothing behind:
//!
//! 1. `transport`: media type, encoding and length, from the headers. `memory`: room for the body.
//! 2. [`http_api::IncomingRequest`] with `access`: authentication, rate limits; then the body is read.
//! 3. `parse`: every field known, typed and in range.
//! 4. `submit`: a repeated request is answered from the queue; else the model and the workers are checked, the images
//!    (`fetch`, `image_check`), the quotas; then blobs and queue are written.
//!
//! The answer is 202 with the job's id; the status service serves progress and results. Both APIs, `/api/v1` and
//! `/api/agent`, have the same routes (`routes`). Jobs of test keys are simulated here (`test_keys`), and blobs that
//! are no longer used are deleted (`gc`).
//!
//! [`start`] runs the whole service inside the calling process; `main.rs` adds a command line, signals and logs.

mod app;
mod fetch;
mod gc;
mod image_check;
mod json;
mod memory;
mod options;
mod parse;
mod routes;
mod submit;
mod test_keys;
mod transport;
mod webhook_payload;

pub use app::{Error, start};
pub use fetch::FetchOptions;
pub use options::{Options, RequestOptions};
#[cfg(fuzzing)]
pub use parse::fuzz;
