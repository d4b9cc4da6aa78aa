//! How many bodies may be in memory at once.

use http_api::{BodyBounds, Problem, codes};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// All the room that there is for bodies.
#[derive(Debug)]
pub(crate) struct Rooms {
    single: BodyBounds,
    batch: BodyBounds,
    /// One permit for each body of one picture. A batch takes as many as it is larger.
    permits: Arc<Semaphore>,
    of_a_batch: u32,
}

/// Room for one body. Without it none can be read; keep it as long as the bytes are kept.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) bounds: BodyBounds,
    _permit: OwnedSemaphorePermit,
}

impl Rooms {
    /// Room for so many bodies of one picture at once.
    pub(crate) fn new(bodies: u16, single: BodyBounds, batch: BodyBounds) -> Self {
        let of_a_batch = batch.max_bytes.div_ceil(single.max_bytes.max(1)).clamp(1, bodies.into());
        let of_a_batch = u32::try_from(of_a_batch).unwrap_or(1);
        Self { single, batch, permits: Arc::new(Semaphore::new(bodies.into())), of_a_batch }
    }

    /// How much a body of one picture may be.
    pub(crate) fn single(&self) -> BodyBounds {
        self.single
    }

    /// How much the body of a batch may be.
    pub(crate) fn batch(&self) -> BodyBounds {
        self.batch
    }

    /// Waits for room for a body. Nothing of it is read meanwhile, so whoever waits costs next to nothing here.
    pub(crate) async fn for_single(&self) -> Result<Room, Problem> {
        self.take(1, self.single).await
    }

    /// Waits for room for the body of a batch.
    pub(crate) async fn for_batch(&self) -> Result<Room, Problem> {
        self.take(self.of_a_batch, self.batch).await
    }

    async fn take(&self, permits: u32, bounds: BodyBounds) -> Result<Room, Problem> {
        match timeout(bounds.timeout, Arc::clone(&self.permits).acquire_many_owned(permits)).await {
            Ok(Ok(permit)) => Ok(Room { bounds, _permit: permit }),
            _ => Err(Problem::new(&codes::OVERLOADED, "No room was left to read the body.")),
        }
    }
}
