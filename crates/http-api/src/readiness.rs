//! Whether a service can do its work, and what restricts it.

use crate::BlobAccess;
use blobs::Blobs;
use bytes::Bytes;
use domain::{BlobId, Class};
use queue::{LaneStatus, Queue};
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

/// The longest time that one check may take. A store that takes longer is not ready.
pub(crate) const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an answer is used again: probes of many load balancers cost what one costs.
const FRESH: Duration = Duration::from_secs(1);

/// Jobs that wait longer than this although workers for them are alive are reported: the workers may hang.
const STALLED: Duration = Duration::from_secs(15 * 60);
/// The most restrictions that are listed.
const MAX_RESTRICTIONS: usize = 16;

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
    /// The kind of restriction, for programs: `no_worker`, `queue_stalled` or `queue_read_only`.
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
            timeout(CHECK_TIMEOUT, self.check_queue()),
            timeout(CHECK_TIMEOUT, self.check_blobs()),
            timeout(CHECK_TIMEOUT, self.waiting_jobs()),
        );
        let (queue, read_only) = match queue {
            Ok(Ok(read_only)) => (true, read_only),
            _ => (false, None),
        };
        let blobs = matches!(blobs, Ok(Ok(_)));
        let restrictions = restrictions.ok().and_then(Result::ok).unwrap_or_default();
        let restrictions = read_only.into_iter().chain(restrictions).collect();
        Readiness { ready: queue && blobs, queue, blobs, restrictions }
    }

    /// Whether the queue can be used: with a write, so that a demoted primary is noticed. A service that only reads works on
    /// while Redis has no room to write.
    async fn check_queue(&self) -> Result<Option<Restriction>, queue::Error> {
        match self.queue.check_writable().await {
            Err(error @ (queue::Error::Disk(_) | queue::Error::Memory(_) | queue::Error::Replicas(_)))
                if self.access == BlobAccess::Read =>
            {
                let detail = format!("The queue cannot store anything: {error}.");
                Ok(Some(Restriction { code: "queue_read_only", detail }))
            }
            result => result.map(|()| None),
        }
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

    /// Lanes in which jobs wait while no live worker covers them, or while none is dispatched.
    async fn waiting_jobs(&self) -> Result<Vec<Restriction>, queue::Error> {
        let lanes = self.queue.lanes().await?;
        let restriction = |lane: &LaneStatus| {
            let (queued, seconds) = (lane.queued, lane.waiting_for.as_secs());
            let lane_name = &lane.lane;
            if !lane.has_worker {
                let detail = format!("{queued} jobs wait ({lane_name}), and no live worker can run them.");
                return Some(Restriction { code: "no_worker", detail });
            }
            let detail = format!("{queued} jobs wait ({lane_name}), and none was dispatched for {seconds} s.");
            (lane.waiting_for > STALLED).then_some(Restriction { code: "queue_stalled", detail })
        };
        // Jobs of test keys are simulated by gateways, which start when they can.
        Ok(lanes
            .iter()
            .filter(|lane| lane.class != Class::Test)
            .filter_map(restriction)
            .take(MAX_RESTRICTIONS)
            .collect())
    }
}
