//! The error with which a child ended, from what it wrote in that run.
//!
//! Standard error comes first: the services write one line `orfeas-worker: …` there, clap writes `error: …`, a panic its
//! message, Redis a mistake in its configuration. Else it is the last line of the log at the level of errors. Other log
//! lines are no reasons: the last one may say that all is well.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The most bytes that are read of each file.
const MAX_BYTES: u64 = 64 << 10;

/// The reason, if the child reported one. `offsets` are the lengths of the log and of the error log at its start.
pub(super) fn of(log: &Path, error_log: &Path, offsets: (u64, u64)) -> Option<String> {
    let errors = tail(error_log, offsets.1)?;
    of_errors(&errors).or_else(|| of_log(&tail(log, offsets.0)?))
}

/// The end of a file, from `offset` on.
fn tail(path: &Path, offset: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    // A file that is shorter than it was has been rotated.
    let offset = if offset > length { 0 } else { offset };
    file.seek(SeekFrom::Start(offset.max(length.saturating_sub(MAX_BYTES)))).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_errors(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains(": warning: "));
    let all: Vec<&str> = lines.by_ref().collect();
    if let Some(line) = all.iter().find_map(|line| line.strip_prefix("error: ")) {
        return Some(line.to_owned());
    }
    let of_service = |line: &&str| line.strip_prefix("orfeas-")?.split_once(": ").map(|(_, line)| line.to_owned());
    if let Some(line) = all.iter().rev().find_map(of_service) {
        return Some(line);
    }
    if let Some(at) = all.iter().position(|line| line.contains(" panicked at ")) {
        return Some(all[at..].iter().take(2).copied().collect::<Vec<_>>().join(" "));
    }
    all.last().map(|line| (*line).to_owned())
}

fn of_log(text: &str) -> Option<String> {
    text.lines().rev().find_map(|line| of_json(line).or_else(|| of_redis(line)))
}

/// Message and error of a JSON line at the level of errors.
fn of_json(line: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let field = |name: &str| json.get(name).or_else(|| json.get("fields")?.get(name))?.as_str();
    if field("level") != Some("ERROR") {
        return None;
    }
    let parts: Vec<&str> = ["message", "error"].into_iter().filter_map(field).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// The text of a line of Redis at its highest level (`#`), unless it is one of those of every start and end.
fn of_redis(line: &str) -> Option<String> {
    const USUAL: [&str; 5] =
        ["WARNING", "oO0Oo", "Redis version", "Configuration loaded", "Redis is now ready to exit"];
    let (head, text) = line.split_once(" # ")?;
    let is_redis = head.split(':').next().is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()));
    (is_redis && !USUAL.iter().any(|usual| text.contains(usual))).then(|| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The reason in a log and an error log that hold an earlier run already.
    fn reason(log: &str, errors: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let (log_file, error_file) = (folder.path().join("it.log"), folder.path().join("it.err"));
        let (old_log, old_errors) = ("{\"level\":\"ERROR\",\"message\":\"of an earlier run\"}\n", "error: earlier\n");
        fs::write(&log_file, format!("{old_log}{log}")).unwrap();
        fs::write(&error_file, format!("{old_errors}{errors}")).unwrap();
        of(&log_file, &error_file, (old_log.len() as u64, old_errors.len() as u64))
    }

    #[test]
    fn the_reason_is_the_error_and_not_the_last_line() {
        let clap = "error: invalid value 'gpu' for '--device <DEVICE>': gpu: not one of auto, cpu\n\n\
                    For more information, try '--help'.\n";
        for (log, errors, expected) in [
            ("", clap, "invalid value 'gpu' for '--device <DEVICE>': gpu: not one of auto, cpu"),
            ("{\"level\":\"INFO\",\"message\":\"loading\"}\n", "orfeas-worker: no model\n", "no model"),
            ("", "orfeas-worker: warning: .env:1: x\norfeas-worker: no model\n", "no model"),
            (
                "",
                "thread 'main' panicked at a.rs:1:1:\nsome message\nnote: run with\n",
                "thread 'main' panicked at a.rs:1:1: some message",
            ),
            (
                "{\"level\":\"ERROR\",\"message\":\"ended\",\"error\":\"no port\"}\n{\"level\":\"INFO\",\"message\":\"bye\"}\n",
                "",
                "ended: no port",
            ),
            ("{\"level\":\"ERROR\",\"fields\":{\"message\":\"ended\"}}\n", "", "ended"),
            (
                "7:M 30 Nov 2026 08:00:00.000 # Fatal: Can't open the append-only file: Permission denied\n\
                 7:M 30 Nov 2026 08:00:00.000 # WARNING Memory overcommit must be enabled!\n",
                "",
                "Fatal: Can't open the append-only file: Permission denied",
            ),
            (
                "",
                "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nat line 2\n>>> 'x'\nBad directive\n",
                "Bad directive",
            ),
        ] {
            assert_eq!(reason(log, errors).as_deref(), Some(expected));
        }
    }

    #[test]
    fn other_lines_are_no_reasons() {
        let redis = "7:M 30 Nov 2026 08:00:00.000 * Ready to accept connections\n\
                     7:C 30 Nov 2026 08:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n";
        for log in ["", redis, "{\"level\":\"INFO\",\"message\":\"succeeded\"}\n", "\n"] {
            assert_eq!(reason(log, ""), None, "{log}");
        }
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read() {
        let log = format!("{{\"level\":\"ERROR\",\"message\":\"early\"}}\n{}", "x\n".repeat(1 << 20));
        assert_eq!(reason(&log, ""), None);
    }
}
