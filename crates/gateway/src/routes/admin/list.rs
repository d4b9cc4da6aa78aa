//! `GET /api/admin/agents`: all tenants.

use super::view::TenantView;
use access::TenantId;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, get, web};
use http_api::{Authenticated, Authenticator, CanAdmin, Problem, codes};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Tenants in one answer, unless fewer are asked for.
const PAGE: u32 = 100;

/// Which part of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<TenantId>,
    limit: Option<u32>,
}

/// Tenants in the order of their coming.
#[derive(Serialize, ToSchema)]
struct Tenants {
    /// This part of them.
    agents: Vec<TenantView>,
    /// Where the next part begins; `null` at the end.
    next: Option<String>,
}

/// List all agents and users
#[utoipa::path(
    tag = "admin",
    params(
        ("after" = Option<String>, Query, description = "Where to go on: `next` of the answer before", pattern = "^(agt|usr)_[0-9A-Za-z]{20}$"),
        ("limit" = Option<u32>, Query, description = "Most tenants in the answer; 100 unless said otherwise", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A part of the list", body = Tenants))
)]
#[get("/agents")]
async fn list(
    _: Authenticated<CanAdmin>,
    request: HttpRequest,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let wrong =
        |why: String| Problem::new(&codes::INVALID_PARAMETER, format!("The query is not as it must be: {why}."));
    let Page { after, limit } =
        web::Query::<Page>::from_query(request.query_string()).map_err(|error| wrong(error.to_string()))?.into_inner();
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(wrong("limit must be a whole number from 1 to 100".to_owned()).with_parameter("limit"));
    }
    let tenants = authenticator.registry().list(after.as_ref(), limit).await?;
    let is_full = tenants.len() == limit as usize;
    let next = tenants.last().filter(|_| is_full).map(|last| last.id.to_string());
    let agents = tenants.iter().map(TenantView::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Tenants { agents, next }))
}
