//! What gateway and status share: everything about HTTP that is not one route.
//!
//! * [`run`] is a service's whole `main`. [`Server`] binds, serves, and drains on shutdown; [`Binding`] and
//!   [`ServiceOptions`] are its settings, [`AppState`] what it serves from.
//! * Every request passes the rim: it gets a request id and a span, its answer is counted and logged once, and every
//!   error becomes a problem.
//! * [`Problem`] is `application/problem+json` (RFC 9457). [`codes`] is the one table of what can go wrong, with the
//!   status of each; `docs/api/errors.md` is written from it. Here, and only here, an error meets a status.
//! * [`Authenticator`] lets in: bearer keys and signatures, nonces, rates, permissions. [`Authenticated`] in a handler's arguments is
//!   the right to be there, [`IncomingRequest`] the way to it for a request with a body; [`JobPath`] is a job's id, or its client's own name
//!   for it ([`names`]), in a path; [`JobView`] is what clients are told of a job.
//! * [`ApiSurface`] is the one of the two APIs that a request came by: they have the same verbs.
//! * [`probes`] are the routes that operators call; [`ApiDocument`] is the OpenAPI document, collected from the very
//!   registration of the routes.

mod authentication;
mod caller;
mod client;
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
pub use edge::{InvalidOrigin, Origin, is_head};
pub use errors_page::errors_page;
pub use incoming::{BodyBounds, IncomingRequest};
pub use job_path::{JobPath, read_id};
pub use links::{Links, batch_link};
pub use openapi::{ApiDocument, describe};
pub use options::{ApiOptions, Binding, ServerOptions, ServiceOptions};
pub use own_job::{own_entry, own_job};
pub use problem::{Problem, ProblemBody};
pub use program::run;
pub use rate_limit::note_rate_limit;
pub use request::RequestId;
pub use server::{AppState, BlobAccess, Error, Server};
pub use surface::ApiSurface;
pub use view::{ArtifactView, EventView, JobView, JobWarning, estimated_completion, seconds};
