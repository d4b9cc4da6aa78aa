//! A binary under test as a real process.

use crate::{signal, wait_until};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A running program and its output. Dropping it kills the process.
#[derive(Debug)]
pub struct ServiceProcess {
    name: String,
    child: Mutex<Child>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl ServiceProcess {
    /// Path of the workspace's binary `name` in the profile of the running test. The caller has to build it
    /// (`env!("CARGO_BIN_EXE_…")` in the tests of the binary's own package).
    ///
    /// # Panics
    /// If it has not been built.
    pub fn binary(name: &str) -> PathBuf {
        let test = std::env::current_exe().expect("a running test has a path");
        let profile = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
        let binary = profile.join(name);
        assert!(binary.exists(), "{} has not been built", binary.display());
        binary
    }

    /// Starts `command` and collects its stderr and stdout.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let lines = Arc::default();
        collect(child.stderr.take().expect("stderr is piped"), Arc::clone(&lines));
        collect(child.stdout.take().expect("stdout is piped"), Arc::clone(&lines));
        Self { name, child: Mutex::new(child), lines }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// All output so far, stderr and stdout interleaved.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Waits until a line contains `text`, and returns that line.
    ///
    /// # Panics
    /// With the last lines if none does within `timeout` or before the process ends.
    pub async fn wait_for_line(&self, text: &str, timeout: Duration) -> String {
        let start = Instant::now();
        loop {
            let ended = self.ended().is_some();
            if ended {
                self.last_words().await;
            }
            if let Some(line) = self.lines().into_iter().find(|line| line.contains(text)) {
                return line;
            }
            assert!(!ended && start.elapsed() < timeout, "{} never wrote `{text}`{}", self.name, self.tail());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until `GET url` answers with a 2xx status.
    ///
    /// # Panics
    /// With the last lines if it does not within `timeout` or before the process ends.
    pub async fn wait_ready(&self, url: &str, timeout: Duration) {
        let start = Instant::now();
        let client = reqwest::Client::new();
        loop {
            let answer = client.get(url).timeout(Duration::from_secs(2)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            if let Some(ended) = self.ended() {
                self.last_words().await;
                panic!("{} ended ({ended}) before it was ready{}", self.name, self.tail());
            }
            assert!(start.elapsed() < timeout, "{} was not ready within {timeout:?}{}", self.name, self.tail());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends SIGKILL and waits for the process to end.
    pub fn kill_9(&self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Sends SIGTERM and waits for the process to end.
    ///
    /// # Panics
    /// With the last lines if it has not ended after `timeout`.
    pub async fn terminate(&self, timeout: Duration) -> ExitStatus {
        if self.ended().is_none() {
            signal::send("TERM", self.pid());
        }
        let what = format!("{} to end after SIGTERM", self.name);
        wait_until(&what, timeout, async || self.ended().is_some()).await;
        self.ended().expect("it has just ended")
    }

    /// Suspends it (SIGSTOP).
    ///
    /// # Panics
    /// If it has ended.
    pub fn pause(&self) {
        signal::send("STOP", self.pid());
    }

    /// Resumes a [paused](Self::pause) process (SIGCONT).
    ///
    /// # Panics
    /// If it has ended.
    pub fn resume(&self) {
        signal::send("CONT", self.pid());
    }

    /// Its exit status, once it has ended.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("a child can be asked for its status")
    }

    /// Waits until the output of an ended process has been read: each reader thread holds a handle of the lines. Child
    /// processes that outlive it may keep the pipes open.
    async fn last_words(&self) {
        let start = Instant::now();
        while Arc::strong_count(&self.lines) > 1 && start.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn tail(&self) -> String {
        let lines = self.lines();
        format!("; its last lines:\n{}", lines[lines.len().saturating_sub(30)..].join("\n"))
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        self.kill_9();
    }
}

/// Reads `from` to its end in a thread, as a full pipe would block the process under test.
fn collect(from: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(line);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::free_port;

    const SECONDS: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn lines_and_signals() {
        let script = "trap 'echo bye; exit 3' TERM; echo up >&2; while :; do sleep 0.02; done";
        let service = ServiceProcess::spawn(Command::new("sh").args(["-c", script]));
        assert_eq!(service.wait_for_line("up", SECONDS).await, "up");
        assert_eq!(service.terminate(SECONDS).await.code(), Some(3));
        assert_eq!(service.wait_for_line("bye", SECONDS).await, "bye");

        let service = ServiceProcess::spawn(Command::new("sleep").arg("60"));
        service.kill_9();
        assert!(service.ended().is_some_and(|status| status.code().is_none()));
    }

    #[tokio::test]
    #[should_panic(expected = "no luck today")]
    async fn a_service_that_ends_early_is_reported_with_its_last_lines() {
        let service = ServiceProcess::spawn(Command::new("sh").args(["-c", "echo no luck today; exit 1"]));
        service.wait_ready(&format!("http://127.0.0.1:{}/livez", free_port()), SECONDS).await;
    }
}
