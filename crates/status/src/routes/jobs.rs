//! `GET .../jobs`: the caller's jobs, page by page.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::JobState;
use http_api::{ApiSurface, Authenticated, JobView, Problem, codes};
use queue::{Cursor, Queue};
use serde::Serialize;
use utoipa::ToSchema;

/// Jobs of a page, unless the request says otherwise.
const DEFAULT_LIMIT: usize = 20;
/// The most jobs of a page.
const MAX_LIMIT: usize = 100;

/// A page of the caller's jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Jobs {
    /// The jobs. A page may have fewer than asked for, even none, and yet not be the last.
    jobs: Vec<JobView>,
    /// The `cursor` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Your jobs
///
/// Newest first. Jobs of test keys are listed for test keys only.
#[utoipa::path(
    tag = "jobs",
    params(
        ("state" = Option<JobState>, Query, description = "Only jobs in this state"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before", pattern = "^[0-9]{1,18}$"),
        ("limit" = Option<u32>, Query, description = "The most jobs of the page; 20 if absent", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page of your jobs", body = Jobs))
)]
#[get("/jobs")]
pub(super) async fn jobs(
    api: ApiSurface,
    caller: Authenticated,
    request: HttpRequest,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    let Filter { state, cursor, limit } = Filter::read(request.query_string())?;
    let class = caller.caller().job_class();
    let page = queue.jobs_of(caller.owner(), class, state, cursor, limit).await?;
    let jobs = page.items.into_iter().map(|entry| JobView::of(api, entry)).collect();
    let page = Jobs { jobs, next: page.next.map(|next| next.to_string()) };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(page))
}

/// The query of the request.
struct Filter {
    state: Option<JobState>,
    cursor: Option<Cursor>,
    limit: usize,
}

impl Filter {
    fn read(query: &str) -> Result<Self, Problem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| Problem::new(&codes::BAD_REQUEST, "The query cannot be read.").because(error))?;
        let (mut filter, mut seen) = (Self { state: None, cursor: None, limit: DEFAULT_LIMIT }, Vec::new());
        for (name, value) in pairs.into_inner() {
            let wrong = |expected: &str| {
                Problem::new(&codes::INVALID_PARAMETER, format!("`{name}` must be {expected}.")).with_parameter(&*name)
            };
            if seen.contains(&name) {
                let detail = format!("`{name}` was sent more than once.");
                return Err(Problem::new(&codes::DUPLICATE_FIELD, detail).with_parameter(name));
            }
            match name.as_str() {
                "state" => {
                    let state = serde_json::from_value(value.into()).ok();
                    let expected = "one of queued, running, succeeded, failed, cancelled";
                    filter.state = Some(state.ok_or_else(|| wrong(expected))?);
                }
                "cursor" => filter.cursor = Some(value.parse().map_err(|_| wrong("the `next` of a page"))?),
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    filter.limit = limit.ok_or_else(|| wrong("a whole number from 1 to 100"))?;
                }
                _ => {
                    let detail = format!("{name:?} is not known here; state, cursor and limit are.");
                    return Err(Problem::new(&codes::UNKNOWN_FIELD, detail).with_parameter(name));
                }
            }
            seen.push(name);
        }
        Ok(filter)
    }
}
