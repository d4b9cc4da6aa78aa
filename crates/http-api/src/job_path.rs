//! A job's id or name in a path.

use crate::names::{LONGEST_NAME, NAME_PATTERN, is_name, named_job};
use crate::{Problem, codes};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use domain::JobId;
use std::future::{Ready, ready};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The `{job_id}` of a path: the id that the gateway gave, or the name that the client chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPath(String);

impl JobPath {
    /// As it was written.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The ids that it may stand for, when names stand in this namespace, the likelier first.
    pub(crate) fn ids(&self, namespace: &str) -> impl Iterator<Item = JobId> + use<> {
        self.0.parse().ok().into_iter().chain([named_job(namespace, &self.0)])
    }
}

impl IntoParams for JobPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST_NAME));
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
