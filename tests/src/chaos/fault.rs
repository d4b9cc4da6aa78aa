//! The faults and their order.

use super::Options;
use super::installation::{GATEWAYS, Installation, WORKERS};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// `SIGKILL`; started again at once.
    KillWorker,
    /// `SIGSTOP` for 8 to 20 s.
    StopWorker,
    /// `SIGTERM`, then started again.
    RestartWorker,
    /// `SIGTERM`, then started again.
    RestartGateway,
    /// `SIGKILL`, away for the length of an outage.
    KillRedis,
    /// `SIGSTOP` for the length of an outage.
    StopRedis,
}

const ORDER: [Fault; 12] = [
    Fault::KillWorker,
    Fault::KillRedis,
    Fault::RestartWorker,
    Fault::KillWorker,
    Fault::StopRedis,
    Fault::RestartGateway,
    Fault::StopWorker,
    Fault::KillWorker,
    Fault::RestartWorker,
    Fault::KillRedis,
    Fault::KillWorker,
    Fault::RestartGateway,
];

pub(super) struct Injector {
    installation: Arc<Installation>,
    outage: (Duration, Duration),
    random: u64,
    count: usize,
    /// Kinds and times, milliseconds since the Unix epoch.
    done: Vec<(Fault, u64)>,
}

impl Injector {
    pub(super) fn new(installation: Arc<Installation>, options: &Options) -> Self {
        Self {
            installation,
            outage: options.outage,
            random: options.seed.wrapping_mul(2) | 1,
            count: 0,
            done: Vec::new(),
        }
    }

    /// Injects the next fault and waits until its cause is over, and a little longer.
    pub(super) async fn inject(&mut self) {
        let fault = ORDER[self.count % ORDER.len()];
        self.count += 1;
        self.done.push((fault, now_ms()));
        let worker = self.below(WORKERS as u64) as usize;
        let gateway = self.below(GATEWAYS as u64) as usize;
        let outage = self.between(self.outage);
        let stop = self.between((Duration::from_secs(8), Duration::from_secs(20)));
        let installation = Arc::clone(&self.installation);
        match fault {
            Fault::KillWorker => {
                installation.workers[worker].process().kill_9();
                installation.workers[worker].restart();
            }
            Fault::StopWorker => {
                installation.workers[worker].process().pause();
                sleep(stop).await;
                installation.workers[worker].process().resume();
            }
            Fault::RestartWorker => restart(&installation.workers[worker]).await,
            Fault::RestartGateway => restart(&installation.gateways[gateway]).await,
            Fault::KillRedis => {
                installation.redis.kill();
                sleep(outage).await;
                let again = Arc::clone(&installation);
                tokio::task::spawn_blocking(move || again.redis.restart()).await.unwrap();
            }
            Fault::StopRedis => {
                installation.redis.pause();
                sleep(outage).await;
                installation.redis.resume();
            }
        }
        for process in installation.workers.iter().chain(&installation.gateways) {
            // A process that leaves by itself is started again by its supervisor in a real installation.
            if process.has_ended() {
                process.restart();
            }
        }
        sleep(self.between((Duration::from_secs(3), Duration::from_secs(7)))).await;
    }

    pub(super) async fn finish(self) -> Vec<(Fault, u64)> {
        self.done
    }

    /// xorshift64: a repeatable order is all that is wanted.
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    fn between(&mut self, (least, most): (Duration, Duration)) -> Duration {
        let span = u64::try_from((most - least).as_millis()).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.below(span + 1))
    }
}

async fn restart(process: &super::installation::Restartable) {
    let _ = process.process().terminate(Duration::from_secs(60)).await;
    process.restart();
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
