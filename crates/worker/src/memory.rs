//! Main memory: the budget for images, fields, meshes and files, and its size.
//!
//! Work that takes much memory reserves it first, and waits while other work holds too much of the budget. The
//! reservation moves into the work itself, so that it is held until the work has really ended, also if the job that asked
//! for it was cancelled meanwhile.

use crate::cgroup;
use std::path::Path;
use std::sync::Arc;
use sysinfo::{ProcessesToUpdate, System};
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of reservations, in bytes.
const UNIT: u64 = 64 << 10;

/// Share of the memory available at the start that the budget takes. The rest is for what is not reserved: files,
/// fragmentation, threads.
const SHARE: f64 = 0.9;

/// Main memory that is shared by all jobs, in bytes. Clones share one budget.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget {
    units: Arc<Semaphore>,
    total: u64,
}

/// A part of the budget, until it is dropped.
#[derive(Debug)]
#[must_use = "the reservation ends when it is dropped"]
pub(crate) struct Reservation {
    _units: OwnedSemaphorePermit,
    bytes: u64,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let units = (bytes / UNIT).clamp(1, u32::MAX.into());
        metrics::gauge!(names::MEMORY_BUDGET_BYTES, "kind" => "total").set((units * UNIT) as f64);
        Self { units: Arc::new(Semaphore::new(units as usize)), total: units * UNIT }
    }

    /// A budget of what is left of the memory of the machine, or of the container of this process.
    pub(crate) fn of_this_process() -> Self {
        Self::new((available_bytes() as f64 * SHARE) as u64)
    }

    /// The size of the budget in bytes.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Waits until so many bytes are free and reserves them. Reservations are granted in the order of the calls. One of
    /// more than the budget waits until all of it is free.
    pub(crate) async fn reserve(&self, bytes: u64) -> Reservation {
        let bytes = bytes.min(self.total);
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let units = Arc::clone(&self.units).acquire_many_owned(units).await;
        let units = units.expect("the semaphore is never closed. This is a bug.");
        metrics::gauge!(names::MEMORY_BUDGET_BYTES, "kind" => "used").increment(bytes as f64);
        Reservation { _units: units, bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        metrics::gauge!(names::MEMORY_BUDGET_BYTES, "kind" => "used").decrement(self.bytes as f64);
    }
}

/// Makes the memory of the process follow the budget: large buffers are returned to the system when they are freed,
/// rather than kept for later allocations of the thread that freed them. For glibc.
pub(crate) fn return_large_buffers() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` may be called at any time, by any thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
    }
}

/// The memory that this process can still take: what the system has available, or what is left below the limit of its
/// container. `u64::MAX` if the system does not say.
fn available_bytes() -> u64 {
    let Ok(mut system) = System::new() else { return u64::MAX };
    system.refresh_memory();
    let available = match system.available_memory() {
        0 => u64::MAX,
        available => available,
    };
    let Some(limit) = cgroup::memory_limit(Path::new("/")) else { return available };
    let taken = sysinfo::get_current_pid().ok().and_then(|this| {
        system.refresh_processes(ProcessesToUpdate::Some(&[this]), false);
        system.process(this).map(sysinfo::Process::memory)
    });
    available.min(limit.saturating_sub(taken.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    /// Long enough for a future that is ready.
    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn reservations_wait_for_their_turn_and_end_when_dropped() {
        let budget = MemoryBudget::new(10 * UNIT);
        assert_eq!(budget.total(), 10 * UNIT);
        let six = budget.reserve(6 * UNIT - 1).await;
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.reserve(5 * UNIT).await }
        });
        tokio::task::yield_now().await;
        // A small reservation does not overtake a large one, so large ones are not starved.
        assert!(timeout(SOON, budget.reserve(1)).await.is_err());
        assert!(!waiting.is_finished());
        drop(six);
        let five = waiting.await.unwrap();
        let _rest = budget.reserve(5 * UNIT).await;
        assert!(timeout(SOON, budget.reserve(1)).await.is_err());
        drop(five);
        let _again = budget.reserve(5 * UNIT).await;
    }

    #[tokio::test]
    async fn more_than_the_budget_is_granted_alone() {
        let budget = MemoryBudget::new(4 * UNIT);
        let small = budget.reserve(1).await;
        assert!(timeout(SOON, budget.reserve(u64::MAX)).await.is_err());
        drop(small);
        let _all = budget.reserve(u64::MAX).await;
        assert!(timeout(SOON, budget.reserve(1)).await.is_err());
    }

    #[tokio::test]
    async fn a_reservation_lasts_as_long_as_the_work_that_holds_it() {
        let budget = MemoryBudget::new(UNIT);
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let reservation = budget.reserve(1).await;
        let work = tokio::task::spawn_blocking(move || {
            let _reservation = reservation;
            finished.recv().unwrap();
        });
        // Dropping the handle, as a cancelled job does, does not end the work.
        drop(work);
        assert!(timeout(SOON, budget.reserve(1)).await.is_err());
        finish.send(()).unwrap();
        let _free = timeout(Duration::from_secs(10), budget.reserve(1)).await.unwrap();
    }

    #[test]
    fn this_process_has_some_memory_left() {
        let bytes = available_bytes();
        assert!(bytes > 1 << 20, "{bytes}");
    }
}
