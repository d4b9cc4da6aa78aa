//! `POST /api/v1/generate-3d`: a picture becomes a job.

use super::request_body::{GenerateForm, GenerateJson};
use crate::intake::Intake;
use crate::upload::{self, Upload};
use ::web::{Api, Authenticated, Links, Problem, ProblemBody, codes};
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, post, web};
use blobs::Blobs;
use domain::{Class, Job, JobId, JobState};
use picture::{CheckedPicture, Warning};
use queue::Queue;
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use std::time::{SystemTime, UNIX_EPOCH};
use telemetry::names;
use utoipa::ToSchema;

/// A job that was accepted.
#[derive(Debug, Serialize, ToSchema)]
struct Accepted {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    /// Where it stands: `queued`.
    status: JobState,
    /// Its place in line; 1 is next.
    position: u64,
    /// The seed it will be made with, drawn at random unless one was sent.
    seed: u64,
    /// Where to follow it and fetch its result.
    links: Links,
    /// What may not be as it was meant; the mesh is made all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

/// Make a mesh of a picture
///
/// The picture is checked and kept, and a job is queued; the answer does not wait for the mesh. Follow the links. An
/// object on a transparent background gives the best results.
#[utoipa::path(
    tag = "jobs",
    security(("api_key" = [])),
    request_body(content((GenerateForm = "multipart/form-data"), (GenerateJson = "application/json"))),
    responses(
        (status = 202, description = "Accepted", body = Accepted, headers(("Location" = String, description = "The job"))),
        (status = "4XX", description = "Refused; nothing was stored", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "Could not be done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
#[post("/api/v1/generate-3d")]
async fn generate(
    caller: Authenticated,
    request: HttpRequest,
    payload: web::Payload,
    intake: web::Data<Intake>,
    queue: web::Data<Queue>,
    blobs: web::Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    let room = intake.room().await?;
    let Upload { image, mut parameters } = upload::read(&request, payload, &room).await?;
    let CheckedPicture { bytes: image, warnings, .. } = intake.check(image).await?;
    let seed = parameters.seed.map_or_else(draw_seed, Ok)?;
    parameters.seed = Some(seed);

    // A queue that is away is found out before anything is stored. Should it go in between, a picture is left that no
    // job names; it is removed with the old ones, and the same picture sent again finds it.
    queue.ping().await?;
    let bytes = image.len();
    let image = blobs.put(image).await?;
    let job = Job {
        v: 1,
        id: JobId::new(),
        owner: caller.owner().to_owned(),
        class: Class::User,
        batch: None,
        scenario: None,
        image,
        parameters,
        submitted_ms: now_ms(),
        traceparent: telemetry::traceparent(),
    };
    let position = queue.submit(&job.clone().into()).await?.line.position;

    tracing::Span::current().record("job.id", tracing::field::display(job.id));
    metrics::counter!(names::JOBS_SUBMITTED).increment(1);
    metrics::histogram!(names::UPLOAD_BYTES).record(bytes as f64);
    let links = Links::of(Api::User, job.id);
    let mut response = HttpResponse::Accepted();
    response.insert_header((LOCATION, links.this.as_str()));
    Ok(response.json(Accepted { job_id: job.id, status: JobState::Queued, position, seed, links, warnings }))
}

/// A seed that JSON carries exactly everywhere: 53 random bits.
fn draw_seed() -> Result<u64, Problem> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        Problem::new(&codes::INTERNAL, "No seed could be drawn.").because("the system gives no random bytes")
    })?;
    Ok(u64::from_le_bytes(bytes) >> 11)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
