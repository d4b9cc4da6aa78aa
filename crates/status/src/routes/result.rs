//! `GET .../jobs/{job_id}/result`: the mesh.

use crate::file::File;
use crate::outcome::{gone, result_of};
use actix_web::{HttpRequest, HttpResponse, get, web};
use blobs::Blobs;
use domain::Artifact;
use http_api::{Authenticated, JobPath, Problem, own_job};
use queue::Queue;

/// The mesh
///
/// Takes `Range` and `If-None-Match`; the `ETag` is the SHA-256 of the file.
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses(
        (status = 200, description = "The file", content(
            (Vec<u8> = "model/gltf-binary"), (Vec<u8> = "model/obj"), (Vec<u8> = "model/stl"))),
        (status = 206, description = "The part of the file that was asked for"),
        (status = 304, description = "The client has it already"),
    )
)]
#[get("/jobs/{job_id}/result")]
pub(super) async fn result(
    caller: Authenticated,
    path: JobPath,
    request: HttpRequest,
    queue: web::Data<Queue>,
    blobs: web::Data<Blobs>,
) -> Result<HttpResponse, Problem> {
    let record = own_job(&queue, &caller, &path).await?;
    let job_id = record.job.id;
    let result = result_of(record)?;
    let mesh = result.artifact(Artifact::MESH).ok_or_else(gone)?;
    let file = File {
        id: mesh.blob.clone(),
        media_type: result.format.media_type(),
        disposition: format!("attachment; filename=\"{job_id}.{}\"", result.format.extension()),
        kind: "mesh",
    };
    file.serve(&request, &blobs).await
}
