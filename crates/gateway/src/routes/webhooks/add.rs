//! `POST .../webhooks`: adds a webhook.

use super::problem;
use crate::routes::json_body;
use ::webhooks::{Endpoint, NewEndpoint, Webhooks};
use access::Operation;
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::{ApiSurface, IncomingRequest, Problem};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

/// A webhook that was added.
#[derive(Serialize, ToSchema)]
struct AddedWebhook {
    /// The webhook.
    #[serde(flatten)]
    endpoint: Endpoint,
    /// The secret that signs its messages. Only this response contains it.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// Add a webhook
///
/// The URL is called with a small JSON body on each subscribed event, signed as Standard Webhooks defines. A response
/// other than 2xx is followed by further attempts for more than a day; 410 disables the webhook. Only this response
/// contains the secret.
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
    let (caller, new): (_, NewEndpoint) = json_body::read(incoming, &request, payload, Operation::Generate).await?;
    let tenant = &caller.tenant;
    let (endpoint, secret) = webhooks.add(tenant.id.as_str(), tenant.class, new).await.map_err(problem)?;
    let location = format!("{}/webhooks/{}", api.prefix(), endpoint.id);
    let added = AddedWebhook { endpoint, secret: secret.text().expose_secret().to_owned() };
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(added))
}
