//! Keeping a child running: it is restarted when it ends by itself, and stopped on request.

use super::child::{Process, Program};
use crate::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A change in the state of a supervised program.
#[derive(Debug)]
pub(super) struct Notice {
    /// The program's name.
    pub(super) name: String,
    /// What happened.
    pub(super) change: Change,
}

/// What happened to a supervised program.
#[derive(Debug)]
pub(super) enum Change {
    /// It was started, with this process id.
    Started(u32),
    /// It has been running for [`STABLE`].
    Stable,
    /// It ended without being stopped.
    Ended {
        /// How and why.
        reason: String,
        /// How often in succession it ended before it was stable.
        failures: u32,
        /// The time until it is restarted.
        again_in: Duration,
    },
}

/// A program that is kept running.
pub(super) struct Supervised {
    stop: CancellationToken,
    kill: CancellationToken,
    terminate_again: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts the program and keeps it running, with pauses up to `longest_pause` when it does not stay up.
    ///
    /// # Errors
    /// When it cannot be started the first time.
    pub(super) fn start(
        program: Program,
        longest_pause: Duration,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Result<Self, Error> {
        let first = program.start()?;
        let requests = Requests::default();
        let (stop, kill, terminate_again) =
            (requests.stop.clone(), requests.kill.clone(), Arc::clone(&requests.terminate_again));
        let task = tokio::spawn(supervise(program, longest_pause, first, notices, requests));
        Ok(Self { stop, kill, terminate_again, task })
    }

    /// Sends SIGTERM once more to a program that is being stopped.
    pub(super) fn terminate_again(&self) -> Arc<Notify> {
        Arc::clone(&self.terminate_again)
    }

    /// Sends SIGTERM, and SIGKILL after `grace`; returns when the program has ended.
    pub(super) async fn stop(self, grace: Duration) {
        self.stop.cancel();
        let ended = async {
            // The task ends with the child.
            let _ = self.task.await;
        };
        tokio::pin!(ended);
        if tokio::time::timeout(grace, &mut ended).await.is_err() {
            self.kill.cancel();
            ended.await;
        }
    }
}

/// A program that has run for this long is stable: its next end is the first of a series.
const STABLE: Duration = Duration::from_secs(10);

/// The pause after the second end in succession; it doubles with each further one. The first restart is immediate.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The pause after so many ends in succession.
fn pause(failures: u32, longest: Duration) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        _ => FIRST_PAUSE.saturating_mul(1 << (failures - 2).min(16)).min(longest),
    }
}

/// Requests to a supervisor.
#[derive(Default)]
struct Requests {
    stop: CancellationToken,
    kill: CancellationToken,
    terminate_again: Arc<Notify>,
}

async fn supervise(
    program: Program,
    longest_pause: Duration,
    first: Process,
    notices: mpsc::UnboundedSender<Notice>,
    requests: Requests,
) {
    let send = |change| drop(notices.send(Notice { name: program.name.clone(), change }));
    let mut running: Result<Process, Error> = Ok(first);
    let mut failures = 0_u32;
    loop {
        let since = Instant::now();
        let reason = match &mut running {
            Ok(process) => {
                send(Change::Started(process.id()));
                let ended = loop {
                    tokio::select! {
                        ended = process.ended() => break ended,
                        () = requests.stop.cancelled() => return end(process, &requests).await,
                        () = tokio::time::sleep(STABLE), if failures > 0 => {
                            failures = 0;
                            send(Change::Stable);
                        }
                    }
                };
                process.end_in_words(&ended)
            }
            Err(error) => error.to_string(),
        };
        failures = if since.elapsed() >= STABLE { 1 } else { failures + 1 };
        let again_in = pause(failures, longest_pause);
        send(Change::Ended { reason, failures, again_in });
        tokio::select! {
            () = tokio::time::sleep(again_in) => {}
            () = requests.stop.cancelled() => return,
        }
        running = program.start();
    }
}

async fn end(process: &mut Process, requests: &Requests) {
    process.terminate();
    loop {
        tokio::select! {
            _ = process.ended() => return,
            () = requests.terminate_again.notified() => process.terminate(),
            () = requests.kill.cancelled() => break,
        }
    }
    process.kill();
    let _ = process.ended().await;
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

    #[test]
    fn the_first_restart_is_immediate_and_pauses_are_bounded() {
        let longest = Duration::from_secs(30);
        assert_eq!(pause(1, longest), Duration::ZERO);
        assert_eq!(pause(2, longest), FIRST_PAUSE);
        assert_eq!(pause(3, longest), FIRST_PAUSE * 2);
        for failures in [12, 1000, u32::MAX] {
            assert_eq!(pause(failures, longest), longest);
        }
    }

    #[tokio::test]
    async fn a_program_that_ends_is_restarted() {
        let (program, _folder) = shell("echo a log line; echo some reason >&2; exit 7");
        let (sender, mut notices) = mpsc::unbounded_channel();
        let supervised = Supervised::start(program, Duration::from_secs(1), sender).unwrap();
        let (mut pids, mut pauses) = (Vec::new(), Vec::new());
        while pids.len() < 3 {
            match notices.recv().await.unwrap().change {
                Change::Started(pid) => pids.push(pid),
                Change::Ended { reason, again_in, .. } => {
                    assert_eq!(reason, "exit status: 7: some reason");
                    pauses.push(again_in);
                }
                Change::Stable => panic!("it ends at once"),
            }
        }
        assert!(pids[0] != pids[1] && pids[1] != pids[2]);
        assert_eq!(pauses, [Duration::ZERO, FIRST_PAUSE]);
        supervised.stop(Duration::from_secs(5)).await;
    }

    #[tokio::test]
    async fn a_program_that_ignores_sigterm_is_killed() {
        let (program, _folder) = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
        let log = program.log.clone();
        let (sender, mut notices) = mpsc::unbounded_channel();
        let supervised = Supervised::start(program, Duration::from_secs(1), sender).unwrap();
        let Some(Notice { change: Change::Started(pid), .. }) = notices.recv().await else {
            panic!("it was not started")
        };
        while std::fs::read(&log).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let start = Instant::now();
        supervised.stop(Duration::from_millis(300)).await;
        assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < Duration::from_secs(5));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}
