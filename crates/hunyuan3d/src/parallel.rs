//! Work on the CPU whose result does not depend on the number of threads.
//!
//! libtorch splits every operation over its threads and waits for the slowest before the next one. A pass of a small
//! network is many small operations, so this waiting takes a large part of its time, and nearly all of it on a machine with
//! other load. Splitting a matrix product also changes the order of its sums. So independent pieces of work run whole, on
//! one thread each, also when there is only one of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use tch::Device;

/// Width up to which a network is small: it is faster, or little slower, on one thread.
const SMALL: i64 = 512;

/// Whether passes of a network of this width are to run whole on one thread each. Larger ones are split over all threads,
/// and their results may differ by rounding with the number of threads.
pub(crate) fn is_small(device: Device, width: i64) -> bool {
    device == Device::Cpu && width <= SMALL
}

/// libtorch's thread count on this thread, restored when the value is dropped.
struct Threads(i32);

impl Threads {
    fn one() -> Threads {
        // Reading it also fixes the number for this thread, before others change the default for new threads.
        let threads = tch::get_num_threads();
        if threads != 1 {
            tch::set_num_threads(1);
        }
        Threads(threads)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if self.0 != 1 {
            tch::set_num_threads(self.0);
        }
    }
}

/// Runs `work` with operations that are not split, if `alone`.
pub(crate) fn on_one_thread<T>(alone: bool, work: impl FnOnce() -> T) -> T {
    let _threads = alone.then(Threads::one);
    work()
}

/// A closure that several threads may call.
struct Shared<F>(F);

// SAFETY: the caller of `for_each` is responsible for its closure.
unsafe impl<F> Sync for Shared<F> {}

impl<F: Fn(usize)> Shared<F> {
    fn call(&self, piece: usize) {
        (self.0)(piece);
    }
}

/// Calls `work` once for each of `0..pieces`, in any order. On the CPU each call runs whole on one thread, and as many
/// run at once as libtorch has threads.
///
/// # Safety
/// Calls with different pieces, which may run at once, must write to different memory. What all of them read may be
/// tensors, although those are not `Sync`: libtorch's reference counts are atomic, and tch withholds `Sync` because of
/// the operations in place, which may only be applied to tensors that a call has made, or to ranges that are its own.
pub(crate) unsafe fn for_each(device: Device, pieces: usize, work: impl Fn(usize)) {
    if device != Device::Cpu {
        return (0..pieces).for_each(work);
    }
    let threads = Threads::one();
    let helpers = pieces.min(usize::try_from(threads.0).unwrap_or(1));
    if helpers < 2 {
        return (0..pieces).for_each(work);
    }
    let (work, next) = (Shared(work), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let run = || {
            tch::set_num_threads(1);
            loop {
                let piece = next.fetch_add(1, Ordering::Relaxed);
                if piece >= pieces {
                    break;
                }
                work.call(piece);
            }
        };
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(run)).collect();
        for helper in helpers {
            if let Err(panic) = helper.join() {
                std::panic::resume_unwind(panic); // it carries the message of libtorch
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_piece_is_done_once_on_one_thread_and_the_thread_count_stays() {
        let threads = tch::get_num_threads();
        for pieces in [1, 100] {
            let done = Mutex::new(Vec::new());
            let work = |piece| {
                assert_eq!(tch::get_num_threads(), 1);
                done.lock().expect("no thread panics").push(piece);
            };
            // SAFETY: all calls go through the lock.
            unsafe { for_each(Device::Cpu, pieces, work) };
            let mut done = done.into_inner().expect("no thread panics");
            done.sort_unstable();
            assert_eq!(done, (0..pieces).collect::<Vec<_>>());
            assert_eq!(tch::get_num_threads(), threads);
        }
        // SAFETY: nothing is written.
        let failed = catch_unwind(AssertUnwindSafe(|| unsafe { for_each(Device::Cpu, 9, |_| panic!("planned")) }));
        assert!(failed.is_err());
        assert_eq!(tch::get_num_threads(), threads);
    }
}
