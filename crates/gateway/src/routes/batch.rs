//! `POST .../batch`: several pictures become jobs, all or none.

use super::accepted::BatchAccepted;
use super::request_body::{BatchForm, BatchJson};
use super::request_headers::{CacheControl, IdempotencyKey};
use crate::parameters;
use crate::submit::{Desk, Errand, Naming};
use crate::transport::Form;
use access::Operation;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::scenario::scenario;
use http_api::{ApiSurface, IncomingRequest, Problem};

/// Make meshes of several pictures
///
/// All of them are accepted or none: the first picture with which something is wrong is named by its place, such as
/// `images[3]`. Parameters hold for all pictures; a picture may have its own beside.
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
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    let naming = Naming::of_request(&request)?;
    let form = Form::of(&request, desk.rooms.batch())?;
    let room = desk.rooms.for_batch().await?;
    let (caller, bytes) = incoming.read(payload, Operation::Batch, room.bounds).await?;
    let scenario = scenario(&request, &caller)?.map(|scenario| scenario.to_string());
    let most = usize::try_from(caller.tenant.limits.max_batch_size).unwrap_or(usize::MAX);
    let mut wish = parameters::batch(form.with(bytes)?, most).await?;
    wish.cache &= !super::no_cache(&request);
    let (id, taken) = desk.take_batch(Errand { caller: &caller, wish, naming, scenario }).await?;
    let accepted = BatchAccepted::of(api, &caller, id, taken);
    Ok(HttpResponse::Accepted().insert_header((LOCATION, accepted.location())).json(accepted))
}
