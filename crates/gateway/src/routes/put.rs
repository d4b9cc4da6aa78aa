//! `PUT .../jobs/{job_id}`: a job under a name that the client chooses.

use super::accepted::Accepted;
use super::body_schema::{GenerateForm, GenerateJson};
use super::generate::single;
use super::request_headers::CacheControl;
use crate::submit::{Naming, SubmitService};
use actix_web::{HttpRequest, HttpResponse, put, web};
use http_api::{ApiSurface, IncomingRequest, JobPath, Problem};

/// Make a mesh under a name of your own
///
/// As `POST generate-3d`, but the job is found by your name for it as well as by its id. However often the same request
/// is sent, there is one job; the same name with another image or other parameters is refused.
#[utoipa::path(
    tag = "jobs",
    params(JobPath, CacheControl),
    request_body(content((GenerateForm = "multipart/form-data"), (GenerateJson = "application/json"))),
    responses((status = 202, description = "Accepted, now or before", body = Accepted, headers(("Location" = String, description = "The job"))))
)]
#[put("/jobs/{job_id}")]
pub(super) async fn put(
    api: ApiSurface,
    path: JobPath,
    request: HttpRequest,
    incoming: IncomingRequest,
    payload: web::Payload,
    service: web::Data<SubmitService>,
) -> Result<HttpResponse, Problem> {
    single(api, &request, incoming, payload, &service, Naming::of_path(&path)).await
}
