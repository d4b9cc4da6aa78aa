//! `GET .../jobs/{job_id}/thumbnail`: a picture of the mesh.

use crate::file::File;
use crate::outcome::{gone, result_of};
use actix_web::{HttpRequest, HttpResponse, get, web};
use blobs::Blobs;
use domain::Artifact;
use http_api::{Authenticated, JobPath, Problem, own_job};
use queue::Queue;

/// A picture of the mesh
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses(
        (status = 200, description = "A PNG file", body = Vec<u8>, content_type = "image/png"),
        (status = 206, description = "The part of the file that was asked for"),
        (status = 304, description = "The client has it already"),
    )
)]
#[get("/jobs/{job_id}/thumbnail")]
pub(super) async fn thumbnail(
    caller: Authenticated,
    path: JobPath,
    request: HttpRequest,
    queue: web::Data<Queue>,
    blobs: web::Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    let record = own_job(&queue, &caller, &path).await?;
    let job_id = record.job.id;
    let result = result_of(record)?;
    let thumbnail = result.artifact(Artifact::THUMBNAIL).ok_or_else(gone)?;
    let file = File {
        id: thumbnail.blob.clone(),
        media_type: "image/png",
        disposition: format!("inline; filename=\"{job_id}.png\""),
        kind: "thumbnail",
    };
    file.serve(&request, &blobs).await
}
