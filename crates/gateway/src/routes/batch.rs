//! `POST .../batch`: one job from each of several images, all or none.

use super::accepted::BatchAccepted;
use super::body_schema::{BatchForm, BatchJson};
use super::incoming::receive;
use super::request_headers::{CacheControl, IdempotencyKey};
use crate::submit::{Naming, SubmitService};
use access::Operation;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::{ApiSurface, IncomingRequest, Problem};

/// Make meshes from several images
///
/// All of them are accepted or none: an error names the place of the first image at fault, such as `images[3]`. The fields
/// of the batch hold for all images; each image may have fields of its own.
#[utoipa::path(
    tag = "batches",
    operation_id = "generate_batch",
    params(IdempotencyKey, CacheControl),
    request_body(content((BatchForm = "multipart/form-data"), (BatchJson = "application/json"))),
    responses((status = 202, description = "Accepted", body = BatchAccepted, headers(("Location" = String, description = "The batch"))))
)]
#[post("/batch")]
pub(super) async fn batch(
    api: ApiSurface,
    request: HttpRequest,
    incoming: IncomingRequest,
    payload: web::Payload,
    service: web::Data<SubmitService>,
) -> Result<HttpResponse, Problem> {
    let naming = Naming::of_request(&request)?;
    let received = receive(&request, incoming, payload, &service, Operation::Batch, naming).await?;
    let agent = super::accepted::agent(&received.caller);
    let (id, jobs) = service.submit_batch(received).await?;
    let accepted = BatchAccepted::of(api, agent, id, jobs);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, accepted.location())).json(accepted))
}
