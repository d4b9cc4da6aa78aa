//! `GET /api/admin/agents/{agent}`: a tenant and its keys.

use super::view::{KeyView, TenantView};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use http_api::{Authenticated, Authenticator, CanAdmin, Problem};
use serde::Serialize;
use utoipa::ToSchema;

/// A tenant and its keys.
#[derive(Serialize, ToSchema)]
struct TenantAndKeys {
    /// The tenant.
    tenant: TenantView,
    /// Its keys, oldest first; those that ended more than 90 days ago are deleted.
    keys: Vec<KeyView>,
}

/// Show an agent or a user with its keys
#[utoipa::path(
    tag = "admin",
    params(("agent" = String, Path, description = "Id or name")),
    responses((status = 200, description = "The tenant and its keys", body = TenantAndKeys))
)]
#[get("/agents/{agent}")]
async fn show(
    _: Authenticated<CanAdmin>,
    agent: web::Path<String>,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let shown = authenticator.registry().show(&agent).await?;
    let keys = shown.keys.into_iter().map(KeyView::from).collect();
    let answer = TenantAndKeys { tenant: (&shown.tenant).into(), keys };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}
