//! `POST /api/admin/agents/{agent}/keys`: makes a key and retires others.

use super::seconds::Seconds;
use super::tenant;
use super::view::IssuedView;
use crate::routes::json_body;
use access::{KeyId, Mode, Operation, Retire};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, post, web};
use http_api::{Authenticator, IncomingRequest, Problem};
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

/// How long replaced keys stay valid by default.
const GRACE: Duration = Duration::from_secs(86_400);

/// A new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    /// The keys that it replaces: `all` of its mode, `none`, or the id of one. Absent: `all`.
    #[schema(value_type = Option<String>, pattern = "^(all|none|key_[0-9A-Za-z]{20})$", example = "all")]
    replace: Option<Replace>,
    /// Seconds for which the replaced keys stay valid. Absent: 86400.
    #[schema(value_type = Option<u64>, maximum = 3_153_600_000_u64)]
    grace_seconds: Option<Seconds>,
    /// `live` or `test`. Absent: `live`.
    #[schema(value_type = Option<String>, pattern = "^(live|test)$")]
    mode: Option<Mode>,
    /// Seconds after which the new key expires. Absent: never.
    #[schema(value_type = Option<u64>, maximum = 3_153_600_000_u64)]
    expires_seconds: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
enum Replace {
    None,
    All,
    One(KeyId),
}

impl TryFrom<String> for Replace {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        match text.as_str() {
            "none" => Ok(Self::None),
            "all" => Ok(Self::All),
            id => id.parse().map(Self::One).map_err(|_| "`replace` must be all, none, or the id of a key"),
        }
    }
}

/// Make a new key
///
/// Rotates the keys: the replaced ones stay valid until their grace is over. Only this response contains the key and its
/// signing secret.
#[utoipa::path(
    tag = "admin",
    params(("agent" = String, Path, description = "Id or name")),
    request_body = NewKey,
    responses((status = 201, description = "Made", body = IssuedView, links(
        ("show" = (operation_id = "show", parameters(("agent" = "$response.body#/tenant/id")))),
        ("revoke_key" = (operation_id = "revoke_key", parameters(("agent" = "$response.body#/tenant/id"), ("key_id" = "$response.body#/key_id")))),
    )))
)]
#[post("/agents/{agent}/keys")]
async fn issue(
    incoming: IncomingRequest,
    request: HttpRequest,
    payload: web::Payload,
    agent: web::Path<String>,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let (_, new): (_, NewKey) = json_body::read(incoming, &request, payload, Operation::Admin).await?;
    let tenant = tenant(&authenticator, &agent).await?;
    let grace = new.grace_seconds.map_or(GRACE, |seconds| seconds.0);
    let retire = match new.replace.unwrap_or(Replace::All) {
        Replace::None => Retire::None,
        Replace::All => Retire::All(grace),
        Replace::One(key) => Retire::One(key, grace),
    };
    let lifetime = new.expires_seconds.map(|seconds| seconds.0);
    let issued = authenticator.registry().issue(&tenant.id, new.mode.unwrap_or(Mode::Live), retire, lifetime).await?;
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(IssuedView::from(issued)))
}
