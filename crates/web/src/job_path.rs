//! A job's id in a path.

use crate::{Problem, codes};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::JobId;
use std::future::{Ready, ready};

/// The `{job_id}` of a path.
#[derive(Debug, Clone, Copy)]
pub struct JobPath(pub JobId);

impl FromRequest for JobPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().query("job_id").parse::<JobId>();
        if let Ok(id) = id {
            tracing::Span::current().record("job.id", tracing::field::display(id));
        }
        ready(id.map(Self).map_err(|_| {
            Problem::new(&codes::INVALID_JOB_ID, "A job id is a version 7 UUID in lower case, with hyphens.")
        }))
    }
}
