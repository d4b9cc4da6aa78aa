//! Where a job is found.

use domain::JobId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The addresses of one job, relative to the server that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// Where the job stands. `DELETE` cancels it.
    #[serde(rename = "self")]
    pub this: String,
    /// Its events, as they happen.
    pub events: String,
    /// The mesh.
    pub result: String,
    /// A picture of the mesh.
    pub thumbnail: String,
}

impl Links {
    /// The addresses of `job`.
    pub fn of(job: JobId) -> Self {
        let this = format!("/api/v1/jobs/{job}");
        Self {
            events: format!("{this}/events"),
            result: format!("{this}/result"),
            thumbnail: format!("{this}/thumbnail"),
            this,
        }
    }
}
