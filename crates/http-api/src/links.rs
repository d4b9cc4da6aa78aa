//! Where jobs and batches are found.

use crate::ApiSurface;
use domain::{BatchId, JobId};
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
    /// The addresses of `job` in this API.
    pub fn of(api: ApiSurface, job: JobId) -> Self {
        let this = format!("{}/jobs/{job}", api.prefix());
        Self {
            events: format!("{this}/events"),
            result: format!("{this}/result"),
            thumbnail: format!("{this}/thumbnail"),
            this,
        }
    }
}

/// The address of a batch in this API.
pub fn batch_link(api: ApiSurface, batch: BatchId) -> String {
    format!("{}/batch/{batch}", api.prefix())
}
