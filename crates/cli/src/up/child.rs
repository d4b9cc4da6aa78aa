//! One child process.

use crate::Error;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};

/// A program that `up` runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// What it is called here: `redis`, `gateway`, `worker-1`.
    pub(super) name: String,
    /// The executable.
    pub(super) path: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// What it reads on its standard input.
    pub(super) input: String,
    /// Where its output goes.
    pub(super) log: PathBuf,
}

impl Program {
    /// Starts it. The child does not outlive this process: the system ends it (SIGTERM) when we are gone.
    ///
    /// That signal is tied to the *thread* that starts the child, so `up` runs on one thread.
    pub(super) fn start(&self) -> Result<Process, Error> {
        let cannot =
            |error: io::Error| Error::Unavailable(format!("{} cannot be started: {error}", self.path.display()));
        let log = File::options().append(true).create(true).open(&self.log).map_err(cannot)?;
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::from(input(&self.input).map_err(cannot)?) })
            .stdout(log.try_clone().map_err(cannot)?)
            .stderr(log)
            // Threads of libtorch that wait must not spin: on a busy machine they would take the cores from each other.
            .env("OMP_WAIT_POLICY", "passive")
            // Ctrl-C at the terminal is for `up` alone: it stops the others in the right order.
            .process_group(0)
            .kill_on_drop(true);
        let parent = rustix::process::getpid();
        // SAFETY: both are plain system calls, which are allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::TERM))?;
                // It may have died before that.
                if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
            });
        }
        let child = command.spawn().map_err(cannot)?;
        Ok(Process { child })
    }

    /// The last thing it said, for a message.
    pub(super) fn last_words(&self) -> String {
        last_line(&self.log).unwrap_or_else(|| format!("see {}", self.log.display()))
    }
}

/// Text as something that a child can read from, without a thread that writes it.
fn input(text: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// The last line of a log that is not empty; of a JSON line, its message and its error.
fn last_line(log: &Path) -> Option<String> {
    let text = std::fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let Ok(json) = serde_json::from_str::<serde_json::Value>(line) else { return Some(line.to_owned()) };
    let parts: Vec<&str> = ["message", "error"].into_iter().filter_map(|field| json.get(field)?.as_str()).collect();
    Some(if parts.is_empty() { line.to_owned() } else { parts.join(": ") })
}

/// A running child.
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Its process id; 0 once it has ended and been waited for.
    pub(super) fn id(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // A child that has been waited for has no id any more, so this never hits a stranger.
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_are_a_line_or_a_message() {
        let log = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(last_line(log.path()), None);
        std::fs::write(log.path(), "one\ntwo\n\n").unwrap();
        assert_eq!(last_line(log.path()).unwrap(), "two");
        std::fs::write(log.path(), "one\n{\"level\":\"ERROR\",\"message\":\"no room\"}\n").unwrap();
        assert_eq!(last_line(log.path()).unwrap(), "no room");
        std::fs::write(log.path(), "{\"message\":\"ended\",\"error\":\"no port\"}").unwrap();
        assert_eq!(last_line(log.path()).unwrap(), "ended: no port");
    }
}
