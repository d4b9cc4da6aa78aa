//! Starting, watching and stopping all programs.

use super::data::Data;
use super::programs::Programs;
use super::screen::{self, Ready};
use super::supervisor::{Change, Notice, Supervised};
use super::{GATEWAY_GRACE, Options, REDIS_GRACE, Signals, WORKER_GRACE, device, ready, tenant};
use crate::Error;
use crate::session::Session;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Longest pauses before a program that does not stay up is started again. All jobs wait for Redis, so it is short there.
const REDIS_PAUSE: Duration = Duration::from_secs(1);
const GATEWAY_PAUSE: Duration = Duration::from_secs(2);
const WORKER_PAUSE: Duration = Duration::from_secs(30);

/// How often the size of the logs is checked, and their largest size.
const ROTATE_EVERY: Duration = Duration::from_secs(10);
const MAX_LOG_BYTES: u64 = 32 << 20;

/// All programs, and the session that describes them.
pub(super) struct Services {
    session: Session,
    /// The files to which the session is written when everything is ready.
    files: Vec<PathBuf>,
    is_announced: bool,
    sender: mpsc::UnboundedSender<Notice>,
    notices: mpsc::UnboundedReceiver<Notice>,
    redis: Option<Supervised>,
    gateway: Option<Supervised>,
    workers: Vec<Supervised>,
}

impl Services {
    pub(super) fn new(session: Session, files: Vec<PathBuf>) -> Self {
        let (sender, notices) = mpsc::unbounded_channel();
        Self { session, files, is_announced: false, sender, notices, redis: None, gateway: None, workers: Vec::new() }
    }

    /// Starts everything, announces it, and then watches it. Returns only with an error.
    pub(super) async fn run(
        &mut self,
        options: &Options,
        data: &Data,
        programs: &Programs,
        start: Instant,
    ) -> Result<(), Error> {
        screen::starting(options);
        let redis = &programs.redis;
        ready::no_redis_left_over(&redis.socket).await?;
        let program = redis.program(&options.redis_server, data)?;
        self.redis = Some(Supervised::start(program, REDIS_PAUSE, self.sender.clone())?);
        self.until(ready::redis(&redis.socket, &options.redis_server)).await?;
        let (api_key, is_new_key) = tenant::api_key(data, &redis.url()).await?;
        self.session.api_key = api_key;

        self.gateway = Some(Supervised::start(programs.gateway(data)?, GATEWAY_PAUSE, self.sender.clone())?);
        let mut logs = Vec::new();
        for number in 1..=options.workers {
            let program = programs.worker(number, options, data)?;
            logs.push((programs.address_file(&program.name), program.log.clone()));
            self.workers.push(Supervised::start(program, WORKER_PAUSE, self.sender.clone())?);
        }
        self.until(ready::gateway(programs.gateway)).await?;
        let mut devices = Vec::new();
        for (address_file, log) in logs {
            let worker = self.until(ready::worker(&address_file)).await?;
            devices.push(device::of_worker(worker, &log, options).await);
        }
        devices.dedup();

        self.is_announced = true;
        self.write_session()?;
        let (device, took) = (devices.join(", "), start.elapsed());
        screen::ready(&Ready { session: &self.session, options, data, is_new_key, device, took });
        self.watch(data).await
    }

    async fn watch(&mut self, data: &Data) -> Result<(), Error> {
        let mut rotate = tokio::time::interval(ROTATE_EVERY);
        loop {
            tokio::select! {
                Some(notice) = self.notices.recv() => {
                    screen::notice(&notice);
                    self.record(notice)?;
                }
                _ = rotate.tick() => data.rotate_logs(MAX_LOG_BYTES),
            }
        }
    }

    /// Waits for something to be ready. A child that ends before that is not expected to recover.
    async fn until<T>(&mut self, ready: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::pin!(ready);
        loop {
            tokio::select! {
                outcome = &mut ready => return outcome,
                Some(notice) = self.notices.recv() => {
                    if let Change::Ended { reason, .. } = notice.change {
                        return Err(Error::Unavailable(format!("{} did not come up ({reason})", notice.name)));
                    }
                    self.record(notice)?;
                }
            }
        }
    }

    /// Keeps the process ids and problems of the session up to date.
    fn record(&mut self, notice: Notice) -> Result<(), Error> {
        let Notice { name, change } = notice;
        let Session { pids, problems, .. } = &mut self.session;
        match change {
            Change::Started(pid) => drop(pids.insert(name, pid)),
            Change::Stable => drop(problems.remove(&name)),
            Change::Ended { reason, failures, .. } => {
                pids.remove(&name);
                if failures > 1 {
                    problems.insert(name, reason);
                }
            }
        }
        if self.is_announced { self.write_session() } else { Ok(()) }
    }

    fn write_session(&self) -> Result<(), Error> {
        Ok(self.files.iter().try_for_each(|file| self.session.write(file))?)
    }

    /// Stops everything, each program after those that use it. At a second signal the workers queue their jobs again
    /// instead of finishing them.
    pub(super) async fn close(self, signals: &mut Signals) {
        let Self { redis, gateway, workers, files, is_announced, .. } = self;
        if is_announced {
            // A file that cannot be removed is overwritten by the next run.
            files.iter().for_each(|file| drop(std::fs::remove_file(file)));
        }
        let again: Vec<_> = workers.iter().chain(&gateway).map(Supervised::terminate_again).collect();
        let in_order = async {
            stop_all(workers, WORKER_GRACE).await;
            stop_all(gateway, GATEWAY_GRACE).await;
            stop_all(redis, REDIS_GRACE).await;
        };
        tokio::pin!(in_order);
        loop {
            tokio::select! {
                () = &mut in_order => return,
                () = signals.next() => again.iter().for_each(|terminate| terminate.notify_one()),
            }
        }
    }
}

async fn stop_all(programs: impl IntoIterator<Item = Supervised>, grace: Duration) {
    let stopping: Vec<_> = programs.into_iter().map(|program| tokio::spawn(program.stop(grace))).collect();
    for stopped in stopping {
        // A task that panicked has dropped its child, which kills it.
        let _ = stopped.await;
    }
}
