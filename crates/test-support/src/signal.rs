//! Signals to child processes, sent with the `kill` program: without unsafe code or a dependency.

use std::process::Command;

/// Sends `signal` (such as `TERM` or `KILL`) to a process.
///
/// # Panics
/// If there is no such process.
pub(crate) fn send(signal: &str, pid: u32) {
    let status = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status();
    assert!(status.is_ok_and(|s| s.success()), "kill -{signal} {pid} did not work");
}
