//! The HTTP layer that gateway and status share: everything that is not one route.
//!
//! * [`run`] is the `main` of a service. [`Server`] binds, serves, and drains on shutdown; [`Binding`] and
//!   [`ServiceOptions`] are its settings, [`AppState`] its connections.
//! * The middleware around every request: errors become problems, each response is counted and logged once; HEAD, OPTIONS,
//!   CORS, compression and the draining of refused uploads hold for every route.
//! * [`Problem`] is `application/problem+json` (RFC 9457). [`codes`] is the table of problems with their statuses;
//!   `docs/api/errors.md` is generated from it. Errors of other crates are mapped to statuses here and nowhere else.
//! * [`Authenticator`] verifies bearer keys and signatures and enforces nonces, rate limits and permissions. A handler that
//!   takes [`Authenticated`] runs for an authenticated caller only; [`IncomingRequest`] is the same for a request with a
//!   body. [`OwnJob`] is the job that a path names by its id or by the client's name for it ([`names`]), if it belongs to
//!   the caller; [`JobView`] is a job as clients see it.
//! * [`ApiSurface`] is the part of the API that a request addresses: `/api/v1`, `/api/agent` or `/api/admin`.
//! * [`probes`] are the routes of operators; [`ApiDocument`] is the OpenAPI document, collected from the registration of the
//!   routes.

mod authentication;
mod caller;
mod client;
mod clip;
pub mod codes;
mod convert;
mod credentials;
mod decisions;
mod edge;
mod errors_page;
mod incoming;
mod job_path;
mod links;
mod middleware;
pub mod names;
mod openapi;
mod options;
mod own_job;
mod pages;
pub mod probes;
mod problem;
mod program;
mod rate_limit;
mod readiness;
mod request;
pub mod scenario;
mod server;
mod signal;
mod surface;
mod view;

pub use authentication::Authenticator;
pub use caller::{Authenticated, CanAdmin, CanCancel, CanQuery, RequiredOperation};
pub use clip::clip;
pub use edge::{InvalidOrigin, Origin, is_head};
pub use errors_page::errors_page;
pub use incoming::{BodyBounds, IncomingRequest};
pub use job_path::{JobPath, read_id};
pub use links::{Links, batch_link};
pub use openapi::{ApiDocument, describe};
pub use options::{ApiOptions, Binding, ServerOptions, ServiceOptions, listen_address};
pub use own_job::OwnJob;
pub use problem::{Problem, ProblemBody};
pub use program::run;
pub use rate_limit::note_rate_limit;
pub use request::RequestId;
pub use server::{AppState, BlobAccess, Error, Server};
pub use surface::ApiSurface;
pub use view::{ArtifactView, EventView, JobView, JobWarning, estimated_completion, seconds};
