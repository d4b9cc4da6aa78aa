//! A job, as the queue carries it, and what is known of it.

use crate::{BatchId, BlobId, Failure, JobId, Parameters, Progress, ResultRecord};
use serde::{Deserialize, Serialize};

/// Where a job stands in its life. The last three are terminal and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waiting for a worker (for the first time, or again).
    Queued,
    /// A worker holds its lease.
    Running,
    /// The mesh is there.
    Succeeded,
    /// It cannot be made; the failure says why.
    Failed,
    /// Its owner withdrew it.
    Cancelled,
}

impl JobState {
    /// Nothing changes any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// The state's name in JSON and in Redis.
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

/// Whose jobs go first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Programs. Their jobs go before those of people.
    Agent,
    /// People.
    #[default]
    User,
    /// Jobs of test keys: played, never made.
    Test,
}

impl Class {
    /// The class's name in JSON and in Redis.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::User => "user",
            Self::Test => "test",
        }
    }
}

/// What the queue carries: small, and by reference only. Its JSON is versioned; new fields are optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Version of this layout, 1.
    pub v: u8,
    /// The job's id.
    pub id: JobId,
    /// Whose job it is: the id of the tenant.
    pub owner: String,
    /// The line that it stands in.
    #[serde(default)]
    pub class: Class,
    /// The batch that it came with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batch: Option<BatchId>,
    /// What the job of a test key is to play; see the gateway's test keys.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scenario: Option<String>,
    /// The picture, as it was sent, in the blob store.
    pub image: BlobId,
    /// What it is to be made with; the seed is always set.
    pub parameters: Parameters,
    /// When it was submitted, milliseconds since the Unix epoch.
    pub submitted_ms: u64,
    /// W3C `traceparent` of the request, so that the worker's spans are its children.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub traceparent: Option<String>,
}

/// All that is known of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// What was asked for.
    pub job: Job,
    /// Where it stands.
    pub state: JobState,
    /// Attempts begun so far.
    pub attempt: u32,
    /// Where the running attempt stands.
    pub progress: Option<Progress>,
    /// When the first lease was taken, milliseconds since the Unix epoch.
    pub started_ms: Option<u64>,
    /// When it became terminal, milliseconds since the Unix epoch.
    pub finished_ms: Option<u64>,
    /// What came of it.
    pub result: Option<ResultRecord>,
    /// Why it failed.
    pub failure: Option<Failure>,
}
