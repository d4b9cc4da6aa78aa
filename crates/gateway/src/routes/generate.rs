//! `POST .../generate-3d`: a picture becomes a job.

use super::accepted::Accepted;
use super::request_body::{GenerateForm, GenerateJson};
use super::request_headers::{CacheControl, IdempotencyKey};
use crate::parameters;
use crate::submit::{Desk, Errand, Naming};
use crate::transport::Form;
use access::Operation;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::scenario::scenario;
use http_api::{ApiSurface, IncomingRequest, Problem};

/// Make a mesh of a picture
///
/// The picture is checked and kept, and a job is queued; the answer does not wait for the mesh. Follow the links. An
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
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    let naming = Naming::of_request(&request)?;
    single(api, &request, incoming, payload, &desk, naming).await
}

/// Takes in one job, whatever it is called.
pub(super) async fn single(
    api: ApiSurface,
    request: &HttpRequest,
    incoming: IncomingRequest,
    payload: web::Payload,
    desk: &Desk,
    naming: Naming,
) -> Result<HttpResponse, Problem> {
    let form = Form::of(request, desk.rooms.single())?;
    let room = desk.rooms.for_single().await?;
    let (caller, bytes) = incoming.read(payload, Operation::Generate, room.bounds).await?;
    let scenario = scenario(request, &caller)?.map(|scenario| scenario.to_string());
    let mut wish = parameters::single(form.with(bytes)?).await?;
    wish.cache &= !super::no_cache(request);
    let taken = desk.take(Errand { caller: &caller, wish, naming, scenario }).await?;
    tracing::Span::current().record("job.id", tracing::field::display(taken.submitted.id));
    let accepted = Accepted::of(api, &caller, taken);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, accepted.location())).json(accepted))
}
