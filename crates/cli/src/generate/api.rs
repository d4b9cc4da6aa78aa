//! The calls of the HTTP API that make a mesh.

use super::plan::Image;
use crate::Error;
use crate::server::{Server, json};
use domain::{Failure, JobId, JobState, Parameters};
use serde::Deserialize;
use std::time::Duration;
use ureq::Body;
use ureq::http::{Response, StatusCode};
use ureq::unversioned::multipart::{Form, Part};

/// The largest file that is downloaded.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// How often a download that broke off is begun again.
const DOWNLOADS: u32 = 4;

/// The answer to a submission.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Accepted {
    /// The job's id.
    pub(super) job_id: String,
}

/// The state of a job, as events and the job's address give it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct JobStatus {
    /// Its state.
    pub(super) status: JobState,
    /// Share that is done, 0 to 1.
    pub(super) progress: f64,
    /// The stage of a running job.
    pub(super) stage: Option<String>,
    /// Steps done, in a stage that has steps.
    pub(super) step: Option<u32>,
    /// Steps in all, in a stage that has steps.
    pub(super) steps: Option<u32>,
    /// Position in the queue of a waiting job; 1 is next.
    pub(super) position: Option<u64>,
    /// What is doubtful about it: objects with a `code`.
    #[serde(default)]
    warnings: Vec<serde_json::Value>,
    /// The attempt it belongs to.
    pub(super) attempt: u32,
    /// Why it failed.
    pub(super) failure: Option<Failure>,
}

impl JobStatus {
    /// Whether it waits and no worker that is alive can run it.
    pub(super) fn lacks_worker(&self) -> bool {
        self.status == JobState::Queued && self.warnings.iter().any(|warning| warning["code"] == "no_worker")
    }
}

/// The jobs of a server.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) server: Server,
}

impl Api {
    /// Submits a job. A single image of the front is sent as `image`, others under the names of their views.
    pub(super) fn submit(
        &self,
        images: &[Image],
        bytes: &[Vec<u8>],
        model: Option<&str>,
        parameters: &Parameters,
    ) -> Result<Accepted, Error> {
        let fields = serde_json::to_value(parameters).map_err(anyhow::Error::from)?;
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut texts: Vec<(&str, String)> =
            fields.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), text(value))).collect();
        texts.extend(model.map(|model| ("model", model.to_owned())));
        let form = || {
            let mut form = Form::new();
            for (image, bytes) in images.iter().zip(bytes) {
                let name =
                    if images.len() == 1 && image.view == domain::View::Front { "image" } else { image.view.as_str() };
                form = form.part(name, Part::bytes(bytes).file_name("image"));
            }
            texts.iter().fold(form, |form, (name, value)| form.text(name, value))
        };
        let url = self.server.gateway_url("generate-3d");
        json(self.server.post(&url, &JobId::new().to_string(), form)?)
    }

    /// Everything that is known of a job.
    pub(super) fn job(&self, id: &str) -> Result<serde_json::Value, Error> {
        json(self.server.get(&self.server.status_url(&format!("jobs/{id}")), &[])?)
    }

    /// Opens a job's stream of events, behind the event `after`; `None` when no more can come.
    pub(super) fn events(&self, id: &str, after: Option<&str>) -> Result<Option<Response<Body>>, Error> {
        let url = self.server.status_url(&format!("jobs/{id}/events"));
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(after.map(|after| ("last-event-id", after)));
        let response = self.server.get(&url, &headers)?;
        Ok((response.status() != StatusCode::NO_CONTENT).then_some(response))
    }

    /// A file of a finished job: `result` or `thumbnail`.
    pub(super) fn file(&self, id: &str, which: &str) -> Result<Vec<u8>, Error> {
        let url = self.server.status_url(&format!("jobs/{id}/{which}"));
        let mut tries = 0;
        loop {
            tries += 1;
            let body = self.server.get(&url, &[])?.into_body();
            match body.into_with_config().limit(MAX_FILE_BYTES).read_to_vec() {
                Ok(bytes) => return Ok(bytes),
                Err(error) if tries == DOWNLOADS => {
                    return Err(Error::Unavailable(format!("{url} broke off: {}", crate::http::reason(&error))));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(500)),
            }
        }
    }

    /// Cancels a job, if the server can be reached.
    pub(super) fn cancel(&self, id: &str) {
        let _ = self.server.delete(&self.server.gateway_url(&format!("jobs/{id}")));
    }
}
