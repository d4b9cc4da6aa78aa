//! Keeping a child running: it is started again when it ends by itself, and stopped when we say so.

use super::child::{Process, Program};
use crate::Error;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a supervisor reports.
#[derive(Debug)]
pub(super) enum Notice {
    /// The program runs, with this process id.
    Started {
        /// Its name.
        name: String,
        /// Its process id.
        pid: u32,
    },
    /// The program ended although nobody stopped it.
    Ended {
        /// Its name.
        name: String,
        /// How it ended.
        status: String,
        /// The last line that it wrote.
        last_words: String,
        /// How long until it is started again.
        again_in: Duration,
    },
}

/// A program that is kept running.
pub(super) struct Supervised {
    stop: CancellationToken,
    hurry: CancellationToken,
    nudge: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts the program and keeps it running.
    ///
    /// # Errors
    /// When it cannot be started even once.
    pub(super) fn start(program: Program, notices: mpsc::UnboundedSender<Notice>) -> Result<Self, Error> {
        let first = program.start()?;
        let (stop, hurry) = (CancellationToken::new(), CancellationToken::new());
        let nudge = Arc::new(Notify::new());
        let wishes = Wishes { stop: stop.clone(), hurry: hurry.clone(), nudge: Arc::clone(&nudge) };
        let task = tokio::spawn(supervise(program, first, notices, wishes));
        Ok(Self { stop, hurry, nudge, task })
    }

    /// Asks a program that is being stopped once more to end.
    pub(super) fn nudge(&self) -> Arc<Notify> {
        Arc::clone(&self.nudge)
    }

    /// Asks the program to end, and waits for that; after `grace` it is ended by force.
    pub(super) async fn stop(self, grace: Duration) {
        self.stop.cancel();
        let ended = async {
            // The supervisor ends with its child.
            let _ = self.task.await;
        };
        tokio::pin!(ended);
        if tokio::time::timeout(grace, &mut ended).await.is_err() {
            self.hurry.cancel();
            ended.await;
        }
    }
}

/// Pauses before starting a program again: one second, doubled each time.
const PAUSE: [u64; 6] = [1, 2, 4, 8, 16, 30];

/// A program that ran this long had come up well: its next end is its first.
const WELL: Duration = Duration::from_secs(60);

/// What a supervisor is told.
struct Wishes {
    /// End the program.
    stop: CancellationToken,
    /// End it by force.
    hurry: CancellationToken,
    /// Ask it once more to end.
    nudge: Arc<Notify>,
}

async fn supervise(program: Program, first: Process, notices: mpsc::UnboundedSender<Notice>, wishes: Wishes) {
    let mut running: Result<Process, Error> = Ok(first);
    let mut ends = 0_usize;
    loop {
        let since = Instant::now();
        let status = match &mut running {
            Ok(process) => {
                let _ = notices.send(Notice::Started { name: program.name.clone(), pid: process.id() });
                tokio::select! {
                    ended = process.ended() => ended.map_or_else(|error| error.to_string(), |status| words(&status)),
                    () = wishes.stop.cancelled() => return end(process, &wishes).await,
                }
            }
            Err(error) => error.to_string(),
        };
        if since.elapsed() >= WELL {
            ends = 0;
        }
        let again_in = Duration::from_secs(PAUSE[ends.min(PAUSE.len() - 1)]);
        ends += 1;
        let _ = notices.send(Notice::Ended {
            name: program.name.clone(),
            status,
            last_words: program.last_words(),
            again_in,
        });
        tokio::select! {
            () = tokio::time::sleep(again_in) => {}
            () = wishes.stop.cancelled() => return,
        }
        running = program.start();
    }
}

async fn end(process: &mut Process, wishes: &Wishes) {
    process.terminate();
    loop {
        tokio::select! {
            _ = process.ended() => return,
            () = wishes.nudge.notified() => process.terminate(),
            () = wishes.hurry.cancelled() => break,
        }
    }
    process.kill();
    let _ = process.ended().await;
}

/// `exit status: 3` and `signal: 9 (SIGKILL)`, as the standard library says it.
fn words(status: &ExitStatus) -> String {
    status.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Program, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let program = Program {
            name: "it".to_owned(),
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            input: String::new(),
            log: folder.path().join("it.log"),
        };
        (program, folder)
    }

    #[tokio::test]
    async fn a_program_that_ends_is_started_again() {
        let (program, _folder) = shell("echo some reason; exit 7");
        let (sender, mut notices) = mpsc::unbounded_channel();
        let supervised = Supervised::start(program, sender).unwrap();
        let mut pids = Vec::new();
        while pids.len() < 2 {
            match notices.recv().await.unwrap() {
                Notice::Started { pid, .. } => pids.push(pid),
                Notice::Ended { status, last_words, again_in, .. } => {
                    assert_eq!((status.as_str(), last_words.as_str()), ("exit status: 7", "some reason"));
                    assert!(again_in >= Duration::from_secs(1));
                }
            }
        }
        assert_ne!(pids[0], pids[1]);
        supervised.stop(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn a_deaf_program_is_ended_by_force() {
        let (program, _folder) = shell("trap '' TERM; echo deaf; while :; do sleep 0.05; done");
        let log = program.log.clone();
        let (sender, mut notices) = mpsc::unbounded_channel();
        let supervised = Supervised::start(program, sender).unwrap();
        let Some(Notice::Started { pid, .. }) = notices.recv().await else { panic!("it was not started") };
        while std::fs::read(&log).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let start = Instant::now();
        supervised.stop(Duration::from_millis(300)).await;
        assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < Duration::from_secs(5));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
