//! `orfeas up`: the whole service from one command, in one terminal.
//!
//! A private Redis, a local blob directory, the gateway (which does the status service's work here, too) and the workers
//! run as children of this process, each with its own log file. A child that ends by itself is started again; when this process is told to
//! stop, workers finish what they have begun, then the gateway closes, then Redis saves. Children never outlive it.

mod child;
mod data;
mod programs;
mod ready;
mod redis;
mod screen;
mod store;
mod supervisor;
mod tenant;

use crate::Error;
use crate::session::Session;
use anyhow::Context;
use data::Data;
use programs::Programs;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
pub(crate) use store::Store;
use supervisor::{Notice, Supervised};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// What `orfeas up` may be told.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Address of the service. Port 0 takes any free port.
    #[arg(long, env = "ORFEAS_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Directory of everything that is kept: jobs, pictures, meshes, keys, logs. One `up` at a time can use it.
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,

    /// How many workers to run. Each loads the model once.
    #[arg(long, env = "ORFEAS_WORKERS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,

    /// Model directory.
    #[arg(long, env = "ORFEAS_MODEL", value_name = "DIR", default_value = "models/orfeas-tiny")]
    pub model: PathBuf,

    /// Device of the workers: auto, cpu, cuda or cuda:N.
    #[arg(long, env = "ORFEAS_DEVICE", value_name = "DEVICE", default_value = "auto")]
    pub device: String,

    /// Threads of libtorch in each worker. Absent: the cores, shared among the workers.
    #[arg(long, env = "ORFEAS_TORCH_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub torch_threads: Option<u16>,

    /// The redis-server program.
    #[arg(long, env = "ORFEAS_REDIS_SERVER", value_name = "PROGRAM", default_value = "redis-server")]
    pub redis_server: PathBuf,

    /// File to write once everything is ready: JSON with gateway_url, status_url, api_key and pids, for its owner only.
    /// It is removed at the end.
    #[arg(long, env = "ORFEAS_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// Longest time that a worker may take to end: it finishes the jobs that it has begun.
const WORKER_GRACE: Duration = Duration::from_secs(60);

/// Longest time that the gateway may take to end: it closes its streams.
const GATEWAY_GRACE: Duration = Duration::from_secs(40);

/// Longest time that Redis may take to end: it writes its file.
const REDIS_GRACE: Duration = Duration::from_secs(20);

/// Runs the whole service until it is told to stop.
///
/// Call it on a runtime of one thread: the system ties the children's lives to the thread that starts them.
///
/// # Errors
/// Something is missing or taken, or a program does not come up.
pub async fn up(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let mut signals = Signals::new()?;
    let data = Data::open(&options.data)?;
    let programs = Programs::find(options, &data)?;
    let (sender, notices) = mpsc::unbounded_channel();
    let url = format!("http://{}", programs.gateway);
    let mut house = House {
        session: Session {
            gateway_url: url.clone(),
            status_url: url,
            // Known when Redis is there.
            api_key: String::new(),
            redis_socket: programs.redis.socket.clone(),
            pids: BTreeMap::from([("up".to_owned(), std::process::id())]),
        },
        files: [Some(Session::file(data.root())), options.ready_file.clone()].into_iter().flatten().collect(),
        announced: false,
        sender,
        notices,
        redis: None,
        gateway: None,
        workers: Vec::new(),
    };
    let outcome = tokio::select! {
        outcome = house.run(options, &data, &programs, start) => outcome,
        () = signals.next() => Ok(()),
    };
    if outcome.is_ok() {
        screen::stopping();
    }
    house.close(&mut signals).await;
    if outcome.is_ok() {
        screen::stopped();
    }
    outcome
}

/// The wish to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let terminate = signal(SignalKind::terminate()).context("signals cannot be caught")?;
        let interrupt = signal(SignalKind::interrupt()).context("signals cannot be caught")?;
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// All that runs.
struct House {
    session: Session,
    /// Where the session is written once everything is ready.
    files: Vec<PathBuf>,
    announced: bool,
    sender: mpsc::UnboundedSender<Notice>,
    notices: mpsc::UnboundedReceiver<Notice>,
    redis: Option<Supervised>,
    gateway: Option<Supervised>,
    workers: Vec<Supervised>,
}

impl House {
    /// Starts everything, says so, and then keeps watch. Returns only with an error.
    async fn run(&mut self, options: &Options, data: &Data, programs: &Programs, start: Instant) -> Result<(), Error> {
        screen::starting(options);
        let redis = &programs.redis;
        ready::no_redis_left_over(&redis.socket).await?;
        let program = redis.program(&options.redis_server, data)?;
        self.redis = Some(Supervised::start(program, self.sender.clone())?);
        self.until(ready::redis(&redis.socket)).await?;
        let (api_key, is_new) = tenant::api_key(data, &redis.url()).await?;
        self.session.api_key = api_key;

        self.gateway = Some(Supervised::start(programs.gateway(data)?, self.sender.clone())?);
        for number in 1..=options.workers {
            self.workers.push(Supervised::start(programs.worker(number, options, data)?, self.sender.clone())?);
        }
        self.until(ready::gateway(programs.gateway)).await?;
        for number in 1..=options.workers {
            self.until(ready::worker(&programs.address_file(&format!("worker-{number}")))).await?;
        }

        self.announced = true;
        self.write_session()?;
        screen::ready(&self.session, options, data, is_new, start.elapsed());
        while let Some(notice) = self.notices.recv().await {
            match &notice {
                Notice::Ended { name, status, last_words, again_in } => {
                    screen::ended(name, status, last_words, *again_in);
                }
                Notice::Started { name, .. } => screen::started(name),
            }
            self.note(notice)?;
        }
        Ok(())
    }

    /// Waits for something to be ready. A child that ends before that will not get better by trying again.
    async fn until(&mut self, ready: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        tokio::pin!(ready);
        loop {
            tokio::select! {
                outcome = &mut ready => return outcome,
                Some(notice) = self.notices.recv() => {
                    if let Notice::Ended { name, status, last_words, .. } = notice {
                        return Err(Error::Unavailable(format!("{name} did not come up ({status}): {last_words}")));
                    }
                    self.note(notice)?;
                }
            }
        }
    }

    /// Keeps the process ids of the session right.
    fn note(&mut self, notice: Notice) -> Result<(), Error> {
        match notice {
            Notice::Started { name, pid } => self.session.pids.insert(name, pid),
            Notice::Ended { name, .. } => self.session.pids.remove(&name),
        };
        if self.announced { self.write_session() } else { Ok(()) }
    }

    fn write_session(&self) -> Result<(), Error> {
        Ok(self.files.iter().try_for_each(|file| self.session.write(file))?)
    }

    /// Stops everything in the order in which it can be done without. A second wish to stop makes the workers hand
    /// their jobs back instead of finishing them.
    async fn close(self, signals: &mut Signals) {
        let Self { redis, gateway, workers, files, announced, .. } = self;
        if announced {
            // Whoever looks now shall find nothing; one that cannot be removed is overwritten next time.
            files.iter().for_each(|file| drop(std::fs::remove_file(file)));
        }
        let nudges: Vec<_> = workers.iter().chain(&gateway).map(Supervised::nudge).collect();
        let orderly = async {
            stop_all(workers, WORKER_GRACE).await;
            stop_all(gateway, GATEWAY_GRACE).await;
            stop_all(redis, REDIS_GRACE).await;
        };
        tokio::pin!(orderly);
        loop {
            tokio::select! {
                () = &mut orderly => return,
                () = signals.next() => nudges.iter().for_each(|nudge| nudge.notify_one()),
            }
        }
    }
}

async fn stop_all(processes: impl IntoIterator<Item = Supervised>, grace: Duration) {
    let stopping: Vec<_> = processes.into_iter().map(|process| tokio::spawn(process.stop(grace))).collect();
    for stopped in stopping {
        // A supervisor that panicked has dropped its child, which ends it.
        let _ = stopped.await;
    }
}
