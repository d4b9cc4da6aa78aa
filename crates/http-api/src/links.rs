//! Addresses of jobs and batches.

use crate::ApiSurface;
use domain::{BatchId, JobId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The addresses of one job, relative to the server that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Links {
    /// The job. `DELETE` cancels it.
    #[serde(rename = "self")]
    pub this: String,
    /// Its events, as a stream.
    pub events: String,
    /// The mesh.
    pub result: String,
    /// A shaded image of the mesh.
    pub thumbnail: String,
}

impl Links {
    /// The addresses of `job` on this surface.
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

/// The address of a batch on this surface.
pub fn batch_link(api: ApiSurface, batch: BatchId) -> String {
    format!("{}/batch/{batch}", api.prefix())
}
