//! `POST .../webhooks`: adds a webhook.

use super::problem;
use crate::{json, transport};
use ::webhooks::{Endpoint, NewEndpoint, Webhooks};
use access::Operation;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::{ApiSurface, BodyBounds, IncomingRequest, Problem, codes};
use secrecy::ExposeSecret;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

const BOUNDS: BodyBounds = BodyBounds { max_bytes: 16 << 10, timeout: Duration::from_secs(10), min_rate: 0 };

/// A webhook that was added.
#[derive(Serialize, ToSchema)]
struct AddedWebhook {
    /// The webhook.
    #[serde(flatten)]
    endpoint: Endpoint,
    /// What its messages are signed with. It is shown this once.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// Add a webhook
///
/// When one of your jobs ends, this URL is called with a small JSON body, signed as Standard Webhooks defines. The
/// answer holds the only copy of the secret. Anything but a 2xx is tried again for more than a day; 410 disables it.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "add_webhook",
    request_body = NewEndpoint,
    responses((status = 201, description = "Added", body = AddedWebhook, headers(("Location" = String, description = "The webhook")), links(
        ("deliveries" = (operation_id = "list_deliveries", parameters(("webhook_id" = "$response.body#/id")))),
        ("rotate" = (operation_id = "rotate_webhook", parameters(("webhook_id" = "$response.body#/id")))),
        ("enable" = (operation_id = "enable_webhook", parameters(("webhook_id" = "$response.body#/id")))),
        ("remove" = (operation_id = "remove_webhook", parameters(("webhook_id" = "$response.body#/id")))),
    )))
)]
#[post("")]
pub(super) async fn add(
    api: ApiSurface,
    incoming: IncomingRequest,
    request: HttpRequest,
    payload: web::Payload,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    let (caller, body) = incoming.read(payload, Operation::Generate, BOUNDS).await?;
    if !is_json {
        return Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, "A webhook is described in application/json."));
    }
    let new: NewEndpoint = json::read(&body, transport::charset(media_type).as_deref())?;
    let (endpoint, secret) = webhooks.add(caller.tenant.id.as_str(), new).await.map_err(problem)?;
    let location = format!("{}/webhooks/{}", api.prefix(), endpoint.id);
    let added = AddedWebhook { endpoint, secret: secret.text().expose_secret().to_owned() };
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(added))
}
