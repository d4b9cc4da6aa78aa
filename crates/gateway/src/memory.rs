//! The memory that requests may take: one budget of bytes for bodies with everything parsed from them, and for decoding.
//!
//! A permit belongs to the work, not to the request: it moves into the blocking task or the submission that holds the
//! bytes, and is released when that has really ended, also when the client hung up before.
//!
//! Half of the budget is for bodies and half for decoding. A body waits until there is room for all that it may take; while
//! it waits, and until its first bytes arrive, it holds nothing. Senders whose identity is not proven before the body
//! is read have a pool of their own, and take from it only what has arrived, so that they cannot keep others out.

use http_api::{BodyBounds, Problem, codes};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Permits are counted in units of this many bytes.
const UNIT: usize = 1 << 10;
/// An unproven body reserves memory in steps of this many bytes.
const STEP: usize = 64 << 10;
/// The time that an unproven body waits for memory.
const UNPROVEN_WAIT: Duration = Duration::from_secs(2);

/// The budget. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    bodies: Pool,
    unproven: Pool,
    decoding: Pool,
    single: BodyBounds,
    batch: BodyBounds,
}

#[derive(Debug, Clone)]
struct Pool {
    permits: Arc<Semaphore>,
    size: u32,
}

impl Pool {
    fn new(bytes: usize) -> Self {
        let size = units(bytes).min(Semaphore::MAX_PERMITS as u32);
        Self { permits: Arc::new(Semaphore::new(size as usize)), size }
    }

    /// Waits for memory. A request for more than the whole pool gets all of it.
    async fn acquire(&self, bytes: usize, wait: Duration) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = Arc::clone(&self.permits).acquire_many_owned(units(bytes).clamp(1, self.size));
        match timeout(wait, permits).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::new(&codes::OVERLOADED, "There is no memory for the request at present.")),
        }
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// The memory of one request.
#[derive(Debug)]
pub(crate) struct UploadPermit {
    budget: MemoryBudget,
    bounds: BodyBounds,
    /// Bytes that the body and everything parsed from it may take.
    expected: usize,
    is_proven: bool,
    arrived: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl MemoryBudget {
    /// A budget of `bytes` for bodies of these sizes, which must arrive within `timeout`.
    pub(crate) fn new(bytes: usize, max_body: usize, max_batch_body: usize, timeout: Duration) -> Self {
        let bounds = |max_bytes| BodyBounds { max_bytes, timeout };
        let (single, batch) = (bounds(max_body), bounds(max_batch_body.max(max_body)));
        Self {
            bodies: Pool::new(bytes / 2),
            // At least one body of the maximum size.
            unproven: Pool::new((bytes / 8).max(batch.max_bytes + STEP)),
            decoding: Pool::new(bytes / 2),
            single,
            batch,
        }
    }

    /// The bounds of a body that asks for one mesh.
    pub(crate) fn single(&self) -> BodyBounds {
        self.single
    }

    /// The bounds of the body of a batch.
    pub(crate) fn batch(&self) -> BodyBounds {
        self.batch
    }

    /// The permit of a request whose body is about to be read. It holds no memory yet.
    pub(crate) fn upload(&self, bounds: BodyBounds, expected: usize, is_proven: bool) -> UploadPermit {
        UploadPermit { budget: self.clone(), bounds, expected, is_proven, arrived: 0, held: None }
    }

    /// Waits for memory for files that are fetched.
    pub(crate) async fn fetched(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        self.bodies.acquire(bytes, self.single.timeout).await
    }

    /// Waits for memory for decoding an image. It does not fail: decoding ends by itself.
    pub(crate) async fn decoding(&self, bytes: u64) -> Result<OwnedSemaphorePermit, Problem> {
        self.decoding.acquire(usize::try_from(bytes).unwrap_or(usize::MAX), Duration::MAX).await
    }
}

impl UploadPermit {
    /// Reserves memory for bytes that have arrived, before they are kept.
    pub(crate) async fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        if self.is_proven {
            if self.held.is_none() {
                self.held = Some(self.budget.bodies.acquire(self.expected, self.bounds.timeout).await?);
            }
            return Ok(());
        }
        self.arrived += bytes;
        let held = self.held.as_ref().map_or(0, |permit| permit.num_permits() * UNIT);
        if self.arrived > held {
            let more = (self.arrived - held).next_multiple_of(STEP);
            let more = self.budget.unproven.acquire(more, UNPROVEN_WAIT).await?;
            match &mut self.held {
                Some(permit) => permit.merge(more),
                None => self.held = Some(more),
            }
        }
        Ok(())
    }

    /// Called when the body was read and its sender is proven: from here on all senders are equal.
    pub(crate) async fn proven(mut self) -> Result<Self, Problem> {
        if !self.is_proven {
            self.is_proven = true;
            let held = self.budget.bodies.acquire(self.expected, self.bounds.timeout).await?;
            self.held = Some(held);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(bytes: usize) -> MemoryBudget {
        MemoryBudget::new(bytes, 100 << 10, 400 << 10, Duration::from_millis(200))
    }

    #[tokio::test]
    async fn a_body_holds_nothing_before_its_first_bytes_and_everything_after() {
        let budget = budget(2 << 20);
        let mut idle: Vec<_> = (0..100).map(|_| budget.upload(budget.batch(), 1 << 20, true)).collect();
        let mut first = budget.upload(budget.batch(), 1 << 20, true);
        first.grow(1).await.unwrap();
        assert_eq!(idle[0].grow(1).await.unwrap_err().kind().code, "overloaded");
        let moved = std::thread::spawn(move || drop(first));
        moved.join().unwrap();
        idle[0].grow(1).await.unwrap();
    }

    #[tokio::test]
    async fn unproven_bodies_take_what_has_arrived_and_leave_the_others_alone() {
        let budget = budget(2 << 20);
        let mut slow: Vec<_> = (0..7).map(|_| budget.upload(budget.batch(), 1 << 20, false)).collect();
        for permit in &mut slow {
            permit.grow(1).await.unwrap();
        }
        let mut large = budget.upload(budget.batch(), 1 << 20, false);
        assert_eq!(large.grow(300 << 10).await.unwrap_err().kind().code, "overloaded");
        let mut proven = budget.upload(budget.single(), 1 << 20, true);
        proven.grow(1).await.unwrap();
        drop(proven);
        // Once proven, the memory of the unproven is free again.
        let held: Vec<_> = slow.drain(..1).collect();
        for permit in held {
            drop(permit.proven().await.unwrap());
        }
        drop(slow);
        large.grow(1).await.unwrap();
    }

    #[tokio::test]
    async fn more_than_the_whole_budget_gets_all_of_it() {
        let budget = budget(1 << 20);
        let all = budget.decoding(1 << 40).await.unwrap();
        assert!(timeout(Duration::from_millis(50), budget.decoding(1)).await.is_err());
        drop(all);
        drop(budget.decoding(1).await.unwrap());
    }
}
