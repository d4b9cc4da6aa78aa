//! `POST .../generate-3d`: one job from an image or several views.

use super::accepted::Accepted;
use super::body_schema::{GenerateForm, GenerateJson};
use super::incoming::receive;
use super::request_headers::{CacheControl, IdempotencyKey};
use crate::submit::{Naming, SubmitService};
use access::Operation;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::{ApiSurface, IncomingRequest, Problem};

/// Make a mesh from an image
///
/// The image is checked and stored, and a job is queued; the answer does not wait for the mesh. Follow the links. An
/// object on a transparent background gives the best results. With `Idempotency-Key`, the same request sent again gets
/// the same job.
#[utoipa::path(
    tag = "jobs",
    params(IdempotencyKey, CacheControl),
    request_body(content((GenerateForm = "multipart/form-data"), (GenerateJson = "application/json"))),
    responses((status = 202, description = "Accepted", body = Accepted, headers(("Location" = String, description = "The job"))))
)]
#[post("/generate-3d")]
pub(super) async fn generate(
    api: ApiSurface,
    request: HttpRequest,
    incoming: IncomingRequest,
    payload: web::Payload,
    service: web::Data<SubmitService>,
) -> Result<HttpResponse, Problem> {
    let naming = Naming::of_request(&request)?;
    single(api, &request, incoming, payload, &service, naming).await
}

/// Submits one job under a name.
pub(super) async fn single(
    api: ApiSurface,
    request: &HttpRequest,
    incoming: IncomingRequest,
    payload: web::Payload,
    service: &SubmitService,
    naming: Naming,
) -> Result<HttpResponse, Problem> {
    let received = receive(request, incoming, payload, service, Operation::Generate, naming).await?;
    let agent = super::accepted::agent(&received.caller);
    let job = service.submit(received).await?;
    tracing::Span::current().record("job.id", tracing::field::display(job.submitted.id));
    let accepted = Accepted::of(api, agent, job);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, accepted.location())).json(accepted))
}
