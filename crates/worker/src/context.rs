//! The state that all jobs of a worker share.

use crate::engine::Engines;
use crate::memory::MemoryBudget;
use blobs::Blobs;
use model::VertexMapping;
use queue::LeaseOptions;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The state that all jobs of a worker share.
pub(crate) struct WorkerContext {
    pub(crate) engines: Engines,
    pub(crate) blobs: Blobs,
    /// Main memory for decoded images, fields, meshes and files.
    pub(crate) memory: MemoryBudget,
    /// One permit for each mesh that may be made at a time.
    pub(crate) postprocess: Arc<Semaphore>,
    pub(crate) mapping: VertexMapping,
    /// Cells along a side of the finest grid, whatever the model and the memory allow.
    pub(crate) max_grid: u32,
    pub(crate) lease: LeaseOptions,
    /// Cancelled when the time to finish jobs is over: all leases are released.
    pub(crate) abort: CancellationToken,
    /// Cancelled when an engine can do no more work: jobs inside it fail.
    pub(crate) engine_fault: CancellationToken,
    /// Results that wait for space in the blob store.
    pub(crate) results_waiting: AtomicUsize,
}
