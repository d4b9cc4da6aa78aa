//! The names that clients give requests, and the ids that follow from them.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use domain::{BatchId, JobId};
use http_api::names::{is_name, keyed_batch, keyed_job, named_job};
use http_api::{JobPath, Problem, codes};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The name of a request.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    /// No name: each request is a new one.
    None,
    /// The `Idempotency-Key` header.
    Key(String),
    /// A name of the job, in the path.
    Name(String),
}

impl Naming {
    /// The name of a POST request.
    pub(crate) fn of_request(request: &HttpRequest) -> Result<Self, Problem> {
        let mut keys = request.headers().get_all(IDEMPOTENCY_KEY);
        let Some(key) = keys.next() else { return Ok(Self::None) };
        // The IETF draft writes the key as a quoted string; most clients do not.
        let key = key.to_str().unwrap_or_default();
        let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
        if keys.next().is_some() || !is_name(key) {
            let detail = "The header Idempotency-Key must be sent once, with 1 to 128 plain characters.";
            return Err(Problem::new(&codes::INVALID_IDEMPOTENCY_KEY, detail));
        }
        Ok(Self::Key(key.to_owned()))
    }

    /// The name of a PUT request.
    pub(crate) fn of_path(path: &JobPath) -> Self {
        Self::Name(path.name().to_owned())
    }

    /// Whether the request has a name, so that it can be recognised when it is sent again.
    pub(super) fn is_any(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The id of the job.
    pub(super) fn job(&self, tenant: &str) -> JobId {
        match self {
            Self::None => JobId::new(),
            Self::Key(key) => keyed_job(tenant, key),
            Self::Name(name) => named_job(tenant, name),
        }
    }

    /// The id of the batch.
    pub(super) fn batch(&self, tenant: &str) -> BatchId {
        match self {
            Self::None => BatchId::new(),
            Self::Key(key) | Self::Name(key) => keyed_batch(tenant, key),
        }
    }
}
