//! One child process.

use super::reason;
use crate::Error;
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::process::{Child, Command};

/// A program that `up` runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// Its name in messages: `redis`, `gateway`, `worker-1`.
    pub(super) name: String,
    /// The executable.
    pub(super) path: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// Its standard input.
    pub(super) input: String,
    /// The file of its standard output; standard error goes to [`error_log`].
    pub(super) log: PathBuf,
}

/// The file of a program's standard error.
pub(super) fn error_log(log: &Path) -> PathBuf {
    log.with_extension("err")
}

impl Program {
    /// Starts it. The system sends it SIGTERM when this process ends, however it ends.
    ///
    /// That signal is tied to the *thread* that starts the child, so `up` runs on one thread.
    pub(super) fn start(&self) -> Result<Process, Error> {
        let cannot =
            |error: io::Error| Error::Unavailable(format!("{} cannot be started: {error}", self.path.display()));
        let open = |path: &Path| File::options().append(true).create(true).open(path).map_err(cannot);
        let (log, errors) = (open(&self.log)?, open(&error_log(&self.log))?);
        let end = |file: &File| file.metadata().map(|metadata| metadata.len()).map_err(cannot);
        let offsets = (end(&log)?, end(&errors)?);
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::from(input(&self.input).map_err(cannot)?) })
            .stdout(log)
            .stderr(errors)
            // Waiting threads of libtorch must not spin, or on a busy machine they take the cores from each other.
            .env("OMP_WAIT_POLICY", "passive")
            // Ctrl-C at the terminal goes to `up` alone, which stops the others in order.
            .process_group(0)
            .kill_on_drop(true);
        let parent = rustix::process::getpid();
        // SAFETY: both are plain system calls, which are allowed between fork and exec.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::TERM))?;
                // The parent may have died before that call.
                if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
            });
        }
        let child = command.spawn().map_err(cannot)?;
        Ok(Process { child, log: self.log.clone(), offsets })
    }
}

/// Text as a file that a child reads, so that no thread has to write it.
fn input(text: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// A running child.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
    /// Lengths of the log and of the error log when it was started.
    offsets: (u64, u64),
}

impl Process {
    /// Its process id; 0 after it has been reaped.
    pub(super) fn id(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// How it ended and why, in words: `exit status: 3: there is no model` or `signal: 9 (SIGKILL)`. The reason is the
    /// error that it reported in this run; the log file is named when there is none.
    pub(super) fn end_in_words(&self, ended: &io::Result<ExitStatus>) -> String {
        let log = self.log.display();
        match ended {
            Ok(status) if status.signal().is_some() => format!("{status}; see {log}"),
            Ok(status) => match reason::of(&self.log, &error_log(&self.log), self.offsets) {
                Some(reason) => format!("{status}: {reason}"),
                None => format!("{status}; see {log}"),
            },
            Err(error) => error.to_string(),
        }
    }

    /// Sends SIGTERM.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGKILL.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // `Child::id` is `None` after reaping, so a recycled process id is never signalled.
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, signal);
        }
    }
}
