//! `/api/admin/dead-letters`: jobs that used up their attempts, and what is done with them.

use crate::routes::page;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use domain::{Failure, JobId};
use http_api::{Authenticated, CanAdmin, Problem};
use queue::{DeadLetter, Queue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The query of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    before: Option<String>,
    limit: Option<usize>,
}

/// A page of dead letters.
#[derive(Serialize, ToSchema)]
struct DeadLetters {
    /// The latest first.
    dead_letters: Vec<DeadLetterView>,
    /// The `before` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A job that used up its attempts, or that no worker could read.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
struct DeadLetterView {
    /// The id of the letter.
    #[schema(example = "1795240000000-0")]
    id: String,
    /// The id of the job that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    job_id: Option<JobId>,
    /// The tenant that owns the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    /// The kind of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Why the job cannot be read by this version. It cannot be redriven then.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    /// The failure of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// The number of attempts.
    attempts: u32,
    /// The worker of the last attempt.
    worker: String,
    /// When the job failed, milliseconds since the Unix epoch.
    failed_ms: u64,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        let (job, unreadable) = match letter.job {
            Ok(job) => (Some(job), None),
            Err(reason) => (None, Some(reason)),
        };
        Self {
            id: letter.id,
            job_id: job.as_ref().map(|job| job.id),
            kind: job.as_ref().map(|job| job.spec.kind().to_owned()),
            tenant: job.map(|job| job.owner),
            unreadable,
            failure: letter.failure,
            attempts: letter.attempts,
            worker: letter.worker,
            failed_ms: letter.at_ms,
        }
    }
}

/// The job that a dead letter was submitted as.
#[derive(Serialize, ToSchema)]
struct Redriven {
    /// The id of the new job.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
}

/// List the dead letters
///
/// A job that used up its attempts leaves one. The latest 10,000 are kept until they are redriven or discarded.
#[utoipa::path(
    tag = "admin",
    operation_id = "list_dead_letters",
    params(
        ("before" = Option<String>, Query, description = "`next` of the page before", pattern = "^[0-9]{1,18}-[0-9]{1,18}$"),
        ("limit" = Option<u32>, Query, description = "The most letters of the page; 20 if absent", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page of dead letters", body = DeadLetters))
)]
#[get("/dead-letters")]
async fn list(
    _: Authenticated<CanAdmin>,
    request: HttpRequest,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    let Page { before, limit } = page::query(&request)?;
    let limit = page::limit(limit, 20)?;
    let letters = queue.dead_letters(before.as_deref(), limit).await?;
    let next = letters.last().filter(|_| letters.len() == limit).map(|last| last.id.clone());
    let dead_letters = letters.into_iter().map(DeadLetterView::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(DeadLetters { dead_letters, next }))
}

/// Redrive a dead letter
///
/// Its job is submitted again for its tenant, under a new id and from its first step, without a charge. The letter is
/// deleted; the job that failed stays failed.
#[utoipa::path(
    tag = "admin",
    operation_id = "redrive_dead_letter",
    params(("letter_id" = String, Path, description = "The id of the letter", pattern = "^[0-9]{1,18}-[0-9]{1,18}$")),
    responses((status = 202, description = "Its job is queued", body = Redriven))
)]
#[post("/dead-letters/{letter_id}/redrive")]
async fn redrive(
    _: Authenticated<CanAdmin>,
    letter: web::Path<String>,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    let job_id = queue.redrive(&letter).await?;
    Ok(HttpResponse::Accepted().json(Redriven { job_id }))
}

/// Discard a dead letter
#[utoipa::path(
    tag = "admin",
    operation_id = "discard_dead_letter",
    params(("letter_id" = String, Path, description = "The id of the letter", pattern = "^[0-9]{1,18}-[0-9]{1,18}$")),
    responses((status = 204, description = "It is deleted"))
)]
#[delete("/dead-letters/{letter_id}")]
async fn discard(
    _: Authenticated<CanAdmin>,
    letter: web::Path<String>,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    queue.discard(&letter).await?;
    Ok(HttpResponse::NoContent().finish())
}
