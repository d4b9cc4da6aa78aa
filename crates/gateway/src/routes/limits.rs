//! `GET .../limits`: the limits that hold for the caller.

use crate::submit::SubmitService;
use access::limits::LimitsView;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::{PARAMETERS, ParameterInfo, ParameterKind};
use http_api::{Authenticated, Problem};
use serde::Serialize;
use utoipa::ToSchema;

/// The limits that hold for the caller.
#[derive(Debug, Serialize, ToSchema)]
struct Limits {
    /// Rates and quotas, and their use.
    #[serde(flatten)]
    allowances: LimitsView,
    /// Bounds of one request.
    request: RequestLimits,
    /// The ranges of the parameters.
    parameters: Vec<Range>,
}

/// Bounds of one request.
#[derive(Debug, Serialize, ToSchema)]
struct RequestLimits {
    /// Maximum bytes of the body of a request for one mesh.
    max_body_bytes: usize,
    /// Maximum bytes of the body of a batch.
    max_batch_body_bytes: usize,
    /// Maximum pixels of an image, width times height.
    max_picture_pixels: u64,
    /// Minimum pixels along either side of an image.
    min_picture_side: u32,
    /// Maximum pixels along either side of an image.
    max_picture_side: u32,
    /// Maximum ratio of the longer side of an image to the shorter one.
    max_picture_aspect: u32,
    /// Seconds in which a body must have arrived completely.
    body_timeout_seconds: f64,
}

/// The range of a parameter, both ends included.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Range {
    /// The parameter.
    name: &'static str,
    /// What it means.
    description: &'static str,
    /// Its smallest value, if it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    /// Its largest value, if it is a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// Its values, if it is a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'static [&'static str]>,
}

impl From<&ParameterInfo> for Range {
    fn from(info: &ParameterInfo) -> Self {
        let (min, max, values) = match info.kind {
            ParameterKind::Integer { min, max } => (Some(min as f64), Some(max as f64), None),
            ParameterKind::Number { min, max } => (Some(min), Some(max), None),
            ParameterKind::Choice(names) => (None, None, Some(names)),
        };
        Self { name: info.name, description: info.doc.trim(), min, max, values }
    }
}

/// Your limits
///
/// Requests, jobs and megapixels that you may send, how many are used, and when there will be more.
#[utoipa::path(
    tag = "limits",
    responses((status = 200, description = "All of them", body = Limits))
)]
#[get("/limits")]
pub(super) async fn limits(caller: Authenticated, service: web::Data<SubmitService>) -> Result<HttpResponse, Problem> {
    let usage = service.queue.usage(caller.owner(), caller.caller().job_class()).await?;
    let allowances = service.limiter.view(caller.caller(), usage.queued, usage.running).await?;
    let (single, batch, picture) = (service.memory.single(), service.memory.batch(), service.images.limits());
    let request = RequestLimits {
        max_body_bytes: single.max_bytes,
        max_batch_body_bytes: batch.max_bytes,
        max_picture_pixels: picture.max_pixels,
        min_picture_side: picture.min_side,
        max_picture_side: picture.max_side,
        max_picture_aspect: picture.max_aspect,
        body_timeout_seconds: single.timeout.as_secs_f64(),
    };
    let limits = Limits { allowances, request, parameters: PARAMETERS.iter().map(Range::from).collect() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(limits))
}
