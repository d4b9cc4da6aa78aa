//! Independent pieces of work on the CPU, a thread each.
//!
//! libtorch splits every operation over its threads and lets all wait for the slowest before the next one. A network
//! pass is many small operations, so that costs much, and on a machine with other work, where some thread is always
//! late, nearly everything. Pieces that need nothing of each other are better run whole, one thread on each.

use std::sync::atomic::{AtomicUsize, Ordering};

use tch::Device;

/// A closure that several threads may call.
struct Shared<F>(F);

// SAFETY: the caller of `for_each` answers for its closure.
unsafe impl<F> Sync for Shared<F> {}

impl<F: Fn(usize)> Shared<F> {
    fn call(&self, piece: usize) {
        (self.0)(piece);
    }
}

/// Calls `work` once for each of `0..pieces`, in any order, on the CPU from as many threads as libtorch would use.
///
/// # Safety
/// Calls with different pieces, which may run at once, must write to different memory. What all of them read may be
/// tensors, although those are not `Sync`: libtorch's reference counts are atomic, and tch withholds `Sync` because of
/// the operations in place, which may only be applied to tensors that a call has made, or to ranges that are its own.
pub(crate) unsafe fn for_each(device: Device, pieces: usize, work: impl Fn(usize)) {
    // Asking also settles the number for this thread, before others change the default for new threads.
    let threads = tch::get_num_threads();
    let helpers = pieces.min(usize::try_from(threads).unwrap_or(1));
    if device != Device::Cpu || helpers < 2 {
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
                std::panic::resume_unwind(panic); // with what libtorch said
            }
        }
    });
    tch::set_num_threads(threads);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_piece_is_done_once_and_the_thread_count_stays() {
        let threads = tch::get_num_threads();
        let done = Mutex::new(Vec::new());
        // SAFETY: all calls go through the lock.
        unsafe { for_each(Device::Cpu, 100, |piece| done.lock().expect("no thread panics").push(piece)) };
        let mut done = done.into_inner().expect("no thread panics");
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        assert_eq!(tch::get_num_threads(), threads);
    }
}
