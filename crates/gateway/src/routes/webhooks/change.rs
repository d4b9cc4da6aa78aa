//! `.../webhooks` and `.../webhooks/{webhook_id}`: list, remove, rotate, enable.

use super::{WebhookManager, WebhookPath, problem};
use ::webhooks::{Endpoint, Webhooks};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, delete, get, post, web};
use http_api::{Authenticated, Problem};
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

/// All webhooks of the caller.
#[derive(Serialize, ToSchema)]
struct WebhookList {
    /// The oldest first.
    webhooks: Vec<Endpoint>,
}

/// A new secret.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    /// The secret that signs messages from now on. Only this response contains it.
    #[schema(example = "whsec_…")]
    secret: String,
}

/// List your webhooks
#[utoipa::path(
    tag = "webhooks",
    operation_id = "list_webhooks",
    responses((status = 200, description = "All of them", body = WebhookList))
)]
#[get("")]
pub(super) async fn list(caller: Authenticated, webhooks: web::Data<Webhooks>) -> Result<HttpResponse, Problem> {
    let webhooks = webhooks.list(caller.owner()).await.map_err(problem)?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(WebhookList { webhooks }))
}

/// Remove a webhook
///
/// Its pending deliveries are dropped.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "remove_webhook",
    params(WebhookPath),
    responses((status = 204, description = "It is removed"))
)]
#[delete("/{webhook_id}")]
pub(super) async fn remove(
    caller: WebhookManager,
    path: web::Path<WebhookPath>,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    webhooks.remove(caller.owner(), &path.webhook()?).await.map_err(problem)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Give a webhook a new secret
///
/// The previous secret also signs for a day, so that the receiver can be changed without refusing messages.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "rotate_webhook",
    params(WebhookPath),
    responses((status = 200, description = "The new secret", body = NewSecret))
)]
#[post("/{webhook_id}/rotate")]
pub(super) async fn rotate(
    caller: WebhookManager,
    path: web::Path<WebhookPath>,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let secret = webhooks.rotate(caller.owner(), &path.webhook()?).await.map_err(problem)?;
    let new = NewSecret { secret: secret.text().expose_secret().to_owned() };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(new))
}

/// Enable a webhook again
///
/// A webhook that answered 410 is disabled until then.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "enable_webhook",
    params(WebhookPath),
    responses((status = 200, description = "It is enabled", body = Endpoint))
)]
#[post("/{webhook_id}/enable")]
pub(super) async fn enable(
    caller: WebhookManager,
    path: web::Path<WebhookPath>,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let enabled = webhooks.enable(caller.owner(), &path.webhook()?).await.map_err(problem)?;
    Ok(HttpResponse::Ok().json(enabled))
}
