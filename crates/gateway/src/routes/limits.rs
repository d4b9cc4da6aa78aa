//! `GET .../limits`: what a client may ask for, before it hits a limit.

use crate::submit::Desk;
use access::limits::LimitsView;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::{PARAMETERS, ParameterInfo, ParameterKind};
use http_api::{Authenticated, Problem};
use serde::Serialize;
use utoipa::ToSchema;

/// All limits that hold for the caller.
#[derive(Debug, Serialize, ToSchema)]
struct Limits {
    /// How much and how often, and what of it is used.
    #[serde(flatten)]
    allowances: LimitsView,
    /// What one request may hold.
    request: RequestLimits,
    /// The ranges of the parameters.
    parameters: Vec<Range>,
}

/// What one request may hold.
#[derive(Debug, Serialize, ToSchema)]
struct RequestLimits {
    /// Most bytes of a body with one picture.
    max_body_bytes: usize,
    /// Most bytes of the body of a batch.
    max_batch_body_bytes: usize,
    /// Most pixels of a picture, width times height.
    max_picture_pixels: u64,
    /// Fewest pixels along either side of a picture.
    min_picture_side: u32,
    /// Seconds in which a body must have arrived whole.
    body_timeout_seconds: f64,
}

/// The range of a parameter, both ends included.
#[derive(Debug, Serialize, ToSchema)]
struct Range {
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
/// How many requests, jobs and megapixels you may send, what of it is used, and when there will be more.
#[utoipa::path(
    tag = "limits",
    responses((status = 200, description = "All of them", body = Limits))
)]
#[get("/limits")]
pub(super) async fn limits(caller: Authenticated, desk: web::Data<Desk>) -> Result<HttpResponse, Problem> {
    let usage = desk.queue.usage(caller.owner(), caller.caller().job_class()).await?;
    let allowances = desk.limiter.view(caller.caller(), usage.queued, usage.running).await?;
    let (single, batch, picture) = (desk.rooms.single(), desk.rooms.batch(), desk.intake.limits());
    let request = RequestLimits {
        max_body_bytes: single.max_bytes,
        max_batch_body_bytes: batch.max_bytes,
        max_picture_pixels: picture.max_pixels,
        min_picture_side: picture.min_side,
        body_timeout_seconds: single.timeout.as_secs_f64(),
    };
    let limits = Limits { allowances, request, parameters: PARAMETERS.iter().map(Range::from).collect() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(limits))
}
