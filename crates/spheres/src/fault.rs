use crate::config::{Fault, FaultKind};
use model::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Planned faults, with the numbers of matching calls and of occurrences of each.
pub(crate) struct Faults(Vec<(Fault, AtomicU64, AtomicU64)>);

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(faults.into_iter().map(|fault| (fault, AtomicU64::new(0), AtomicU64::new(0))).collect())
    }

    /// Causes the faults planned for this call; `seeds` are those of its rows.
    pub(crate) fn on_call(
        &self,
        call: &str,
        seeds: impl ExactSizeIterator<Item = u64>,
        proceed: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let seeds: Vec<u64> = seeds.collect();
        for (fault, calls, strikes) in self.0.iter().filter(|(fault, ..)| fault.call == call) {
            let number = calls.fetch_add(1, Ordering::Relaxed) + 1;
            let is_met = fault.nth.is_none_or(|nth| nth == number)
                && seeds.len() > fault.rows_above
                && fault.seed.is_none_or(|seed| seeds.contains(&seed));
            if is_met && fault.times.is_none_or(|times| strikes.fetch_add(1, Ordering::Relaxed) < times) {
                strike(fault.kind, proceed)?;
            }
        }
        Ok(())
    }

    /// Causes the faults planned for the end of a row.
    pub(crate) fn on_drop(&self, seed: u64) {
        if let Err(error) = self.on_call("drop", std::iter::once(seed), &|| true) {
            panic!("planned: {error}");
        }
    }
}

fn strike(kind: FaultKind, proceed: &dyn Fn() -> bool) -> Result<(), Error> {
    let planned = || "planned".to_owned();
    match kind {
        FaultKind::Panic => panic!("planned"),
        FaultKind::Fail => Err(Error::Failed(planned())),
        FaultKind::OutOfMemory => Err(Error::OutOfMemory(planned())),
        FaultKind::DeviceFault => Err(Error::DeviceFault(planned())),
        FaultKind::Hang => loop {
            std::thread::park();
        },
        FaultKind::SlowMs(ms) => {
            let end = Instant::now() + Duration::from_millis(ms);
            while Instant::now() < end {
                if !proceed() {
                    return Err(Error::Abandoned);
                }
                std::thread::sleep(Duration::from_millis(5).min(end.saturating_duration_since(Instant::now())));
            }
            Ok(())
        }
    }
}
