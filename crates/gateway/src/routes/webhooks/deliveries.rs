//! `.../webhooks/{webhook_id}/deliveries`: the deliveries of a webhook.

use super::{DeliveryPath, WebhookManager, WebhookPath, problem};
use crate::routes::page;
use ::webhooks::{Delivery, DeliveryId, Webhooks};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use http_api::{Authenticated, Problem, codes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// The most deliveries of the page; 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// `next` of the page before.
    #[param(pattern = "^msg_[0-9a-f]{32}$")]
    before: Option<String>,
}

/// Deliveries of a webhook.
#[derive(Serialize, ToSchema)]
struct Deliveries {
    /// The latest first.
    deliveries: Vec<Delivery>,
    /// The `before` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<DeliveryId>,
}

/// List the deliveries of a webhook
///
/// The latest first, each with its attempts. The latest 1,000 deliveries are kept, each for seven days after its last
/// attempt; of many attempts, the latest.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "list_deliveries",
    params(WebhookPath, Page),
    responses((status = 200, description = "Its deliveries", body = Deliveries, links(
        ("replay_latest" = (operation_id = "replay_delivery", parameters(("webhook_id" = "$request.path.webhook_id"), ("delivery_id" = "$response.body#/deliveries/0/id")))),
    )))
)]
#[get("/{webhook_id}/deliveries")]
pub(super) async fn list(
    caller: Authenticated,
    path: web::Path<WebhookPath>,
    request: HttpRequest,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let endpoint = path.webhook()?;
    let page: Page = page::query(&request)?;
    let limit = page::limit(page.limit, 20)?;
    let unknown =
        |_| Problem::new(&codes::INVALID_PARAMETER, "`before` must be the id of a delivery.").with_parameter("before");
    let before = page.before.as_deref().map(str::parse::<DeliveryId>).transpose().map_err(unknown)?;
    let deliveries = webhooks.deliveries(caller.owner(), &endpoint, before.as_ref(), limit).await.map_err(problem)?;
    let next = deliveries.last().filter(|_| deliveries.len() == limit).map(|last| last.id.clone());
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Deliveries { deliveries, next }))
}

/// Replay a delivery
///
/// The same message is sent again at once, under the same id, whether it was delivered or has failed.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "replay_delivery",
    params(DeliveryPath),
    responses((status = 202, description = "It will be delivered again"))
)]
#[post("/{webhook_id}/deliveries/{delivery_id}/replay")]
pub(super) async fn replay(
    caller: WebhookManager,
    path: web::Path<DeliveryPath>,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let (endpoint, delivery) = path.webhook_and_delivery()?;
    webhooks.replay(caller.owner(), &endpoint, &delivery).await.map_err(problem)?;
    Ok(HttpResponse::Accepted().finish())
}
