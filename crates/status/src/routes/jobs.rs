//! `GET .../jobs`: one's own jobs, page by page.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::JobState;
use http_api::{ApiSurface, Authenticated, JobView, Problem, codes};
use queue::{Cursor, JobEntry, Queue};
use serde::Serialize;
use utoipa::ToSchema;

/// Jobs on a page, unless another number is asked for.
const USUAL: usize = 20;
/// Most jobs on a page.
const MOST: usize = 100;

/// Some of one's own jobs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct Jobs {
    /// The jobs. A page may have fewer than asked for, even none, and yet not be the last.
    jobs: Vec<JobView>,
    /// What to send as `cursor` for the next page; absent: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Your jobs
///
/// The newest first. Jobs of test keys are listed for test keys only.
#[utoipa::path(
    tag = "jobs",
    params(
        ("state" = Option<JobState>, Query, description = "Only jobs in this state"),
        ("cursor" = Option<String>, Query, description = "Where to go on: `next` of the page before", pattern = "^[0-9]{1,18}$"),
        ("limit" = Option<u32>, Query, description = "Most jobs on the page; 20 unless said otherwise", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page of them", body = Jobs))
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
    let view = |entry: JobEntry| match entry.record {
        Ok(record) => Some(JobView::of(api, record, entry.position)),
        Err(error) => {
            tracing::warn!(%error, "a job is left out of a list");
            None
        }
    };
    let jobs = page.items.into_iter().filter_map(view).collect();
    let page = Jobs { jobs, next: page.next.map(|next| next.to_string()) };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(page))
}

/// Which jobs are asked for.
struct Filter {
    state: Option<JobState>,
    cursor: Option<Cursor>,
    limit: usize,
}

impl Filter {
    fn read(query: &str) -> Result<Self, Problem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|error| Problem::new(&codes::BAD_REQUEST, "The query cannot be read.").because(error))?;
        let (mut filter, mut seen) = (Self { state: None, cursor: None, limit: USUAL }, Vec::new());
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
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    filter.limit = limit.ok_or_else(|| wrong("a whole number from 1 to 100"))?;
                }
                _ => {
                    let name: String = name.chars().take(64).collect();
                    let detail = format!("{name:?} is not known here; state, cursor and limit are.");
                    return Err(Problem::new(&codes::UNKNOWN_FIELD, detail).with_parameter(name));
                }
            }
            seen.push(name);
        }
        Ok(filter)
    }
}
