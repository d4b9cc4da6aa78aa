//! `GET .../jobs/{job_id}/artifacts/{role}`: a file of a job. `result` and `thumbnail` are other addresses of two of them.

use crate::file::File;
use actix_web::{HttpRequest, HttpResponse, get, web};
use blobs::Blobs;
use domain::{Artifact, FORMATS, JobId, JobRecord, JobState, ResultRecord};
use http_api::{JobPath, OwnJob, Problem, codes};

/// A file of a job
///
/// Takes `Range` and `If-None-Match`; the `ETag` is the SHA-256 of the file. `artifacts` of the job lists the roles.
#[utoipa::path(
    tag = "jobs",
    params(
        JobPath,
        ("role" = String, Path, description = "The role of the file, such as `mesh`", pattern = "^[a-z][a-z0-9_.-]{0,63}$"),
    ),
    responses(
        (status = 200, description = "The file, with the media type that `artifacts` of the job names", content(
            (Vec<u8> = "model/*"), (Vec<u8> = "image/png"))),
        (status = 206, description = "The requested part of the file"),
        (status = 304, description = "The client has the file already"),
    )
)]
#[get("/jobs/{job_id}/artifacts/{role}")]
pub(super) async fn artifact(
    job: OwnJob,
    request: HttpRequest,
    blobs: web::Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    serve(job, request.match_info().query("role"), &request, &blobs).await
}

/// The mesh
///
/// The same as `artifacts/mesh`.
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses(
        (status = 200, description = "The file", body = Vec<u8>, content_type = "model/*"),
        (status = 206, description = "The requested part of the file"),
        (status = 304, description = "The client has the file already"),
    )
)]
#[get("/jobs/{job_id}/result")]
pub(super) async fn result(
    job: OwnJob,
    request: HttpRequest,
    blobs: web::Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    serve(job, Artifact::MESH, &request, &blobs).await
}

/// A shaded image of the mesh
///
/// The same as `artifacts/thumbnail`.
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses(
        (status = 200, description = "A PNG file", body = Vec<u8>, content_type = "image/png"),
        (status = 206, description = "The requested part of the file"),
        (status = 304, description = "The client has the file already"),
    )
)]
#[get("/jobs/{job_id}/thumbnail")]
pub(super) async fn thumbnail(
    job: OwnJob,
    request: HttpRequest,
    blobs: web::Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    serve(job, Artifact::THUMBNAIL, &request, &blobs).await
}

async fn serve(job: OwnJob, role: &str, request: &HttpRequest, blobs: &Blobs) -> Result<HttpResponse, Problem> {
    let record = job.record()?;
    let job_id = record.job.id;
    let made = result_of(record)?;
    let found = made.artifact(role).cloned().ok_or_else(|| {
        let roles: Vec<&str> = made.artifacts.iter().map(|file| file.role.as_str()).collect();
        Problem::new(&codes::ARTIFACT_NOT_FOUND, format!("The job has these files: {}.", roles.join(", ")))
    })?;
    file(job_id, found).serve(request, blobs).await
}

/// How a file is presented: images are shown by a browser, everything else is saved.
fn file(job: JobId, stored: Artifact) -> File {
    let Artifact { role, media_type, blob, .. } = stored;
    let known = FORMATS.iter().find(|format| format.media_type == media_type).map(|format| format.name);
    let extension = match known {
        Some(extension) => extension,
        None if media_type == "image/png" => "png",
        None => "bin",
    };
    let (place, suffix) = match role.as_str() {
        _ if media_type.starts_with("image/") => ("inline", String::new()),
        Artifact::MESH => ("attachment", String::new()),
        // The file name carries no part of the role that a header could misunderstand.
        role => ("attachment", format!("-{}", role.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))),
    };
    File {
        id: blob,
        media_type,
        disposition: format!("{place}; filename=\"{job}{suffix}.{extension}\""),
        // A label of a metric, so one of few.
        kind: match role.as_str() {
            Artifact::MESH => "mesh",
            Artifact::THUMBNAIL => "thumbnail",
            _ => "other",
        },
    }
}

/// The result of a job that succeeded, or why there is none.
fn result_of(record: JobRecord) -> Result<ResultRecord, Problem> {
    match record.state {
        JobState::Succeeded => record.result.ok_or_else(|| {
            Problem::new(&codes::RESULT_GONE, "The result is no longer kept.")
                .because("a job that succeeded has no result")
        }),
        JobState::Queued | JobState::Running => {
            Err(Problem::new(&codes::RESULT_NOT_READY, format!("The job is {}.", record.state.as_str())))
        }
        JobState::Cancelled => Err(Problem::new(&codes::JOB_CANCELLED, "The job was cancelled.")),
        JobState::Failed => {
            let problem = Problem::new(&codes::JOB_FAILED, "The job has failed.");
            Err(match record.failure {
                Some(failure) => problem.with_failure(failure),
                None => problem,
            })
        }
    }
}
