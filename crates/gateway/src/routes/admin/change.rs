//! `PATCH /api/admin/agents/{agent}`: changes a tenant.

use super::tenant;
use super::view::{LimitsBody, Network, TenantView};
use crate::routes::json_body;
use access::{Operation, Permission, Tier};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, patch, web};
use http_api::{Authenticator, IncomingRequest, Problem};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Changes to a tenant. Absent fields stay; `null` restores the default (a JSON merge patch, RFC 7396).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AgentChange {
    /// Its name, which is unique.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$", example = "render-farm")]
    name: Option<String>,
    /// `null`: `standard`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, pattern = "^(free|standard|pro|unlimited)$")]
    tier: Option<Option<Tier>>,
    /// All its permissions. `null`: all but `admin`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Permission>>, example = json!(["generate_3d", "query_status"]))]
    permissions: Option<Option<Vec<Permission>>>,
    /// Limits in place of the tier's. Those that are not named stay; `null`, for one or for all: the limit of the tier.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<LimitsBody>)]
    limits: Option<Option<Map<String, Value>>>,
    /// All networks that it may send requests from, IPv4 or IPv6. Empty or `null`: any.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<Network>>, example = json!(["192.0.2.0/24"]))]
    allow: Option<Option<Vec<IpNet>>>,
}

/// Distinguishes a field that is `null` from an absent one.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Change an agent or a user
///
/// Only the fields of the body are changed, from the tenant's next request on. Accepted jobs are not affected.
#[utoipa::path(
    tag = "admin",
    params(("agent" = String, Path, description = "Id or name")),
    request_body = AgentChange,
    responses((status = 200, description = "The tenant as it is now", body = TenantView))
)]
#[patch("/agents/{agent}")]
async fn change(
    incoming: IncomingRequest,
    request: HttpRequest,
    payload: web::Payload,
    agent: web::Path<String>,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let (_, new): (_, AgentChange) = json_body::read(incoming, &request, payload, Operation::Admin).await?;
    let id = tenant(&authenticator, &agent).await?.id;
    let changed = authenticator.registry().change(&id, |tenant| {
        if let Some(name) = &new.name {
            tenant.name.clone_from(name);
        }
        if let Some(tier) = new.tier {
            tenant.tier = tier.unwrap_or_default();
        }
        if let Some(permissions) = &new.permissions {
            tenant.permissions = permissions.as_ref().map(|list| list.iter().copied().collect()).unwrap_or_default();
        }
        match &new.limits {
            None => {}
            Some(None) => tenant.overrides = Default::default(),
            Some(Some(limits)) => tenant.overrides = tenant.overrides.patched(limits)?,
        }
        if let Some(allow) = &new.allow {
            tenant.allow = allow.clone().unwrap_or_default();
        }
        Ok(())
    });
    let answer = TenantView::from(&changed.await?);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(answer))
}
