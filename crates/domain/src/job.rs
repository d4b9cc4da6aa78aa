//! A job as the queue stores it, and the record of its life.

use crate::{BatchId, Failure, JobId, JobSpec, Progress, ResultRecord};
use serde::{Deserialize, Serialize};

/// The state of a job. The last three are terminal and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waiting for a worker (for the first time, or again).
    Queued,
    /// A worker holds its lease.
    Running,
    /// The result is available.
    Succeeded,
    /// It failed for good; the failure says why.
    Failed,
    /// Its owner cancelled it.
    Cancelled,
}

impl JobState {
    /// Whether the state is final.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The name of the state in JSON and in Redis.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The scheduling class of a tenant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Programs; scheduled before users.
    Agent,
    /// People.
    #[default]
    User,
    /// Test keys; their jobs are simulated.
    Test,
}

impl Class {
    /// All classes.
    pub const ALL: [Class; 3] = [Class::Agent, Class::User, Class::Test];

    /// The name of the class in JSON and in Redis.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::User => "user",
            Self::Test => "test",
        }
    }
}

/// A job as the queue stores it: small, and by reference only. Unknown fields are ignored when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Version of this layout; see [`Job::VERSION`].
    pub v: u8,
    /// The job's id.
    pub id: JobId,
    /// The id of the tenant that owns it.
    pub owner: String,
    /// The class in which it is scheduled.
    #[serde(default)]
    pub class: Class,
    /// The batch that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batch: Option<BatchId>,
    /// How the job of a test key is simulated; see the gateway's test keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scenario: Option<String>,
    /// Its first step.
    pub spec: JobSpec,
    /// Further steps. Each starts when the one before has succeeded, on any worker that can run it; the job keeps its id.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub next: Vec<JobSpec>,
    /// When it was submitted, milliseconds since the Unix epoch.
    pub submitted_ms: u64,
    /// W3C `traceparent` of the request, so that the worker's spans are its children.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
}

impl Job {
    /// The version of the layout that this build writes, and the latest that it reads. It is raised only for a change
    /// that an older reader would misunderstand; optional fields do not raise it.
    pub const VERSION: u8 = 2;

    /// The parameters of its image-to-mesh step, if it has one.
    pub fn parameters(&self) -> Option<&crate::Parameters> {
        self.spec.image_to_mesh().map(|spec| &spec.parameters)
    }
}

/// A job with the record of its life.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// The job as submitted.
    pub job: Job,
    /// Its state.
    pub state: JobState,
    /// Attempts begun so far.
    pub attempt: u32,
    /// How far the running attempt has come.
    pub progress: Option<Progress>,
    /// When the first lease was taken, milliseconds since the Unix epoch.
    pub started_ms: Option<u64>,
    /// When it became terminal, milliseconds since the Unix epoch.
    pub finished_ms: Option<u64>,
    /// The result of a job that succeeded.
    pub result: Option<ResultRecord>,
    /// Why it failed, or why the last attempt did.
    pub failure: Option<Failure>,
}
