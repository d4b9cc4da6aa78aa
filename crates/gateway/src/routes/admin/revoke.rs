//! `DELETE /api/admin/agents/{agent}`: revokes a tenant.

use super::tenant;
use super::view::TenantView;
use actix_web::{HttpResponse, delete, web};
use http_api::{Authenticated, Authenticator, CanAdmin, Problem};

/// Revoke an agent or a user
///
/// None of its keys is valid from the next request on. Its jobs are not affected.
#[utoipa::path(
    tag = "admin",
    params(("agent" = String, Path, description = "Id or name")),
    responses((status = 200, description = "It is revoked", body = TenantView))
)]
#[delete("/agents/{agent}")]
async fn revoke(
    _: Authenticated<CanAdmin>,
    agent: web::Path<String>,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let tenant = tenant(&authenticator, &agent).await?;
    let revoked = authenticator.registry().revoke(&tenant.id).await?;
    Ok(HttpResponse::Ok().json(TenantView::from(&revoked)))
}
