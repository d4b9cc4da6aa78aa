//! Whether a service can do its work, and what restricts it.

use crate::BlobAccess;
use blobs::Blobs;
use bytes::Bytes;
use domain::BlobId;
use queue::Queue;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

/// The longest time that one check may take. A store that takes longer is not ready.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer is used again: probes of many load balancers cost what one costs.
const FRESH: Duration = Duration::from_secs(1);

/// Whether the service can do its work.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// The service can do its work: `queue` and `blobs` are both true.
    pub(crate) ready: bool,
    /// The queue can be used: its Redis answers, is a primary, and takes writes if the service makes any.
    pub(crate) queue: bool,
    /// The blob store can be used: it answers, and takes writes if the service makes any.
    pub(crate) blobs: bool,
    /// Restrictions that another instance of the service would have as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) restrictions: Vec<Restriction>,
}

/// Something that restricts the service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Restriction {
    /// The kind of restriction, for programs: `no_worker`.
    pub(crate) code: &'static str,
    /// What it is, for people.
    pub(crate) detail: String,
}

/// Checks the readiness of a service, at most once a second.
pub(crate) struct ReadinessCheck {
    queue: Queue,
    blobs: Blobs,
    access: BlobAccess,
    /// Callers wait for a check that runs and share its answer.
    last: Mutex<Option<(Instant, Readiness)>>,
}

impl ReadinessCheck {
    pub(crate) fn new(queue: Queue, blobs: Blobs, access: BlobAccess) -> Self {
        Self { queue, blobs, access, last: Mutex::new(None) }
    }

    /// The readiness, at most a second old.
    pub(crate) async fn current(&self) -> Readiness {
        let mut last = self.last.lock().await;
        if let Some((at, readiness)) = &*last
            && at.elapsed() < FRESH
        {
            return readiness.clone();
        }
        let readiness = self.check().await;
        *last = Some((Instant::now(), readiness.clone()));
        readiness
    }

    async fn check(&self) -> Readiness {
        let (queue, blobs, restrictions) = tokio::join!(
            timeout(CHECK_TIMEOUT, self.queue.ping()),
            timeout(CHECK_TIMEOUT, self.check_blobs()),
            timeout(CHECK_TIMEOUT, self.waiting_jobs()),
        );
        let (queue, blobs) = (matches!(queue, Ok(Ok(_))), matches!(blobs, Ok(Ok(_))));
        let restrictions = restrictions.ok().and_then(Result::ok).unwrap_or_default();
        Readiness { ready: queue && blobs, queue, blobs, restrictions }
    }

    async fn check_blobs(&self) -> Result<(), blobs::Error> {
        match self.access {
            // Always the same bytes, so there is one such blob.
            BlobAccess::Write => self.blobs.put(Bytes::from_static(b"readiness probe\n")).await.map(drop),
            BlobAccess::Read => {
                let any: BlobId = "0".repeat(64).parse().expect("64 zeros are a blob id. This is a bug.");
                self.blobs.size(&any).await.map(drop)
            }
        }
    }

    /// Jobs that wait for a worker that is not there.
    async fn waiting_jobs(&self) -> Result<Vec<Restriction>, queue::Error> {
        let load = self.queue.load().await?;
        let queued: u64 =
            load.iter().filter(|(class, _)| *class != domain::Class::Test).map(|(_, load)| load.queued).sum();
        if queued == 0 || !self.queue.workers().await?.is_empty() {
            return Ok(Vec::new());
        }
        let detail = format!("{queued} jobs wait, and no worker is alive that can run them.");
        Ok(vec![Restriction { code: "no_worker", detail }])
    }
}
