//! A job's id or name in a path.

use crate::names::{MAX_NAME, NAME_PATTERN, is_name, named_job};
use crate::{Problem, codes};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::JobId;
use std::future::{Ready, ready};
use std::str::FromStr;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use uuid::Uuid;

/// The `{job_id}` of a path: the id that the gateway gave, or the name that the client chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPath(String);

impl JobPath {
    /// As the client wrote it.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The ids that it may mean, where names belong to this namespace; an id takes precedence over a name.
    pub(crate) fn ids(&self, namespace: &str) -> impl Iterator<Item = JobId> + use<> {
        read_id(&self.0).into_iter().chain([named_job(namespace, &self.0)])
    }
}

/// Reads a UUID in any of its spellings: with capitals, or without hyphens.
pub fn read_id<T: FromStr>(text: &str) -> Option<T> {
    Uuid::try_parse(text).ok()?.hyphenated().to_string().parse().ok()
}

impl IntoParams for JobPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_NAME));
        let path = ParameterBuilder::new()
            .name("job_id")
            .parameter_in(ParameterIn::Path)
            .description(Some("The job's id, or your name for it"))
            .schema(Some(text.pattern(Some(NAME_PATTERN))));
        vec![path.build()]
    }
}

impl FromRequest for JobPath {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().query("job_id");
        ready(if is_name(text) {
            tracing::Span::current().record("job.id", text);
            Ok(Self(text.to_owned()))
        } else {
            let detail = "An id or a name has at most 128 letters, digits, and characters of - _ . : ~.";
            Err(Problem::new(&codes::INVALID_JOB_ID, detail))
        })
    }
}
