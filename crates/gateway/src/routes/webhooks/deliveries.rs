//! `.../webhooks/{webhook_id}/deliveries`: what a webhook was told, and how that went.

use super::{DeliveryPath, WebhookManager, WebhookPath, problem};
use ::webhooks::{Delivery, DeliveryId, Webhooks};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, post, web};
use http_api::{Authenticated, Problem, codes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most deliveries of one page.
const MOST: usize = 100;
const DEFAULT: usize = 20;

/// Which deliveries.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Most of them, 1 to 100; 20 unless it says otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// Only those before this one: `next` of the page before.
    #[param(pattern = "^msg_[0-9a-f]{32}$")]
    before: Option<String>,
}

/// Deliveries of a webhook.
#[derive(Serialize, ToSchema)]
struct Deliveries {
    /// The latest first.
    deliveries: Vec<Delivery>,
    /// What to send as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<DeliveryId>,
}

/// See what a webhook was told
///
/// Each delivery with all its attempts. They are kept for a week.
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
    page: Result<web::Query<Page>, actix_web::Error>,
    webhooks: web::Data<Webhooks>,
) -> Result<HttpResponse, Problem> {
    let endpoint = path.webhook()?;
    let wrong = |detail: String| Problem::new(&codes::INVALID_PARAMETER, detail);
    let page = page.map_err(|error| wrong(format!("The query cannot be read: {error}.")))?;
    let limit = page.limit.unwrap_or(DEFAULT);
    if !(1..=MOST).contains(&limit) {
        return Err(wrong(format!("`limit` must be a whole number from 1 to {MOST}.")).with_parameter("limit"));
    }
    let unknown = |_| wrong("`before` must be the id of a delivery.".to_owned()).with_parameter("before");
    let before = page.before.as_deref().map(str::parse::<DeliveryId>).transpose().map_err(unknown)?;
    let deliveries = webhooks.deliveries(caller.owner(), &endpoint, before.as_ref(), limit).await.map_err(problem)?;
    let next = deliveries.last().filter(|_| deliveries.len() == limit).map(|last| last.id.clone());
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Deliveries { deliveries, next }))
}

/// Tell a webhook once more
///
/// The same message, under the same id, at once, whether it was delivered or given up.
#[utoipa::path(
    tag = "webhooks",
    operation_id = "replay_delivery",
    params(DeliveryPath),
    responses((status = 202, description = "It will be told"))
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
