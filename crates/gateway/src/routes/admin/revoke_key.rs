//! `DELETE /api/admin/agents/{agent}/keys/{key_id}`: revokes a key.

use super::tenant;
use access::KeyId;
use actix_web::{HttpResponse, delete, web};
use http_api::{Authenticated, Authenticator, CanAdmin, Problem, codes};

/// Revoke a key
///
/// It is not valid from the next request on. Revoking it again has no effect.
#[utoipa::path(
    tag = "admin",
    params(("agent" = String, Path, description = "Id or name"), ("key_id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "It is revoked"))
)]
#[delete("/agents/{agent}/keys/{key_id}")]
async fn revoke_key(
    _: Authenticated<CanAdmin>,
    path: web::Path<(String, String)>,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let (agent, key) = path.into_inner();
    let tenant = tenant(&authenticator, &agent).await?;
    let unknown = |_| Problem::new(&codes::KEY_NOT_FOUND, "This is not the id of a key.");
    let key: KeyId = key.parse().map_err(unknown)?;
    authenticator.registry().revoke_key(&tenant.id, &key).await?;
    Ok(HttpResponse::NoContent().finish())
}
