//! How fine a grid the main memory holds. The device's memory is no bound: it holds a piece of a grid at a time.

use sysinfo::{ProcessesToUpdate, System};

/// Bytes of main memory that a job takes for each point of its grid while a mesh is made of it: the field, the surface
/// and the file. Measured from 256 to 512 cells along a side: 10 to 12.
const BYTES_PER_POINT: f64 = 12.0;

/// Cells along a side of the finest grid that this process has memory for, were it alone: with more, the system would
/// end it, and the next worker after it. A system that does not tell bounds nothing.
pub(crate) fn finest_grid() -> u32 {
    bytes_left().map_or(u32::MAX, finest_within)
}

/// The memory of the container or the machine, less what this process has.
fn bytes_left() -> Result<u64, sysinfo::Error> {
    let mut system = System::new()?;
    system.refresh_memory();
    let this = sysinfo::get_current_pid()?;
    system.refresh_processes(ProcessesToUpdate::Some(&[this]), false);
    let bound = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    let taken = system.process(this).map_or(0, sysinfo::Process::memory);
    Ok(bound.min(system.total_memory()).saturating_sub(taken))
}

fn finest_within(bytes: u64) -> u32 {
    // A grid has one more point along a side than it has cells.
    ((bytes as f64 / BYTES_PER_POINT).cbrt() - 1.0).max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_bounds_the_grid() {
        assert_eq!(finest_within(12 * 257_u64.pow(3)), 256);
        assert_eq!(finest_within(0), 0);
        // Whatever this runs on holds the default grid beside itself.
        assert!(finest_grid() > 128);
    }
}
