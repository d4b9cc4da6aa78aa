//! `POST /api/admin/agents`: adds a tenant with its first key.

use super::seconds::Seconds;
use super::view::{IssuedView, LimitsBody, Network};
use crate::routes::json_body;
use access::{Mode, NewTenant, Operation, Permission, Tier};
use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::{HttpRequest, HttpResponse, post, web};
use domain::Class;
use http_api::{Authenticator, IncomingRequest, Problem};
use ipnet::IpNet;
use serde::Deserialize;
use utoipa::ToSchema;

/// A tenant to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAgent {
    /// Its name, which is unique.
    #[schema(
        max_length = 64,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
        example = "render-farm"
    )]
    name: String,
    /// `agent`: a program that signs its requests; `user`: a person who sends a key. Absent: `agent`.
    #[schema(value_type = Option<String>, pattern = "^(agent|user)$")]
    class: Option<Class>,
    /// Absent: `standard`.
    #[schema(value_type = Option<String>, pattern = "^(free|standard|pro|unlimited)$")]
    tier: Option<Tier>,
    /// Its permissions. Absent: all but `admin`.
    #[schema(example = json!(["generate_3d", "query_status"]))]
    permissions: Option<Vec<Permission>>,
    /// Limits in place of the tier's.
    #[serde(default)]
    #[schema(inline = false)]
    limits: LimitsBody,
    /// Networks that it may send requests from, IPv4 or IPv6. Empty: any.
    #[serde(default)]
    #[schema(value_type = Vec<Network>, example = json!(["192.0.2.0/24"]))]
    allow: Vec<IpNet>,
    /// `live`, or `test`, whose jobs are simulated. Absent: `live`.
    #[schema(value_type = Option<String>, pattern = "^(live|test)$")]
    mode: Option<Mode>,
    /// Seconds after which the key expires. Absent: never.
    #[schema(value_type = Option<u64>, maximum = 3_153_600_000_u64)]
    expires_seconds: Option<Seconds>,
}

/// Add an agent or a user
///
/// Only this response contains its first key and the signing secret.
#[utoipa::path(
    tag = "admin",
    request_body = NewAgent,
    responses((status = 201, description = "Added", body = IssuedView, headers(("Location" = String, description = "The tenant")), links(
        ("show" = (operation_id = "show", parameters(("agent" = "$response.body#/tenant/id")))),
        ("change" = (operation_id = "change", parameters(("agent" = "$response.body#/tenant/id")))),
        ("issue" = (operation_id = "issue", parameters(("agent" = "$response.body#/tenant/id")))),
        ("revoke" = (operation_id = "revoke", parameters(("agent" = "$response.body#/tenant/id")))),
        ("revoke_key" = (operation_id = "revoke_key", parameters(("agent" = "$response.body#/tenant/id"), ("key_id" = "$response.body#/key_id")))),
    )))
)]
#[post("/agents")]
async fn add(
    incoming: IncomingRequest,
    request: HttpRequest,
    payload: web::Payload,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let (_, new): (_, NewAgent) = json_body::read(incoming, &request, payload, Operation::Admin).await?;
    let tenant = NewTenant {
        tier: new.tier.unwrap_or_default(),
        permissions: new.permissions.map(|list| list.into_iter().collect()).unwrap_or_default(),
        overrides: new.limits.into(),
        allow: new.allow,
        ..NewTenant::new(&new.name, new.class.unwrap_or(Class::Agent))
    };
    let lifetime = new.expires_seconds.map(|seconds| seconds.0);
    let issued = authenticator.registry().add(tenant, new.mode.unwrap_or(Mode::Live), lifetime).await?;
    let location = format!("/api/admin/agents/{}", issued.tenant.id);
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, location)).insert_header((CACHE_CONTROL, "no-store"));
    Ok(response.json(IssuedView::from(issued)))
}
