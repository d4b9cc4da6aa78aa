//! What holds for every route, so that no route has to say it: HEAD, CORS, compression, and early refusals of uploads.

mod compress;
mod cors;
mod drain;
mod head;
mod sent;

pub(crate) use compress::compress;
pub(crate) use cors::cors;
pub use cors::{InvalidOrigin, Origin};
pub(crate) use drain::drain;
pub(crate) use head::head_as_get;
pub use head::is_head;
pub(crate) use sent::{SentRequest, keep_sent};
