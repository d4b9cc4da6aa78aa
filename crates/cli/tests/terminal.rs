//! Every command with a standard output or a standard error that is closed or full.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};
use test_support::RedisServer;

const MASTER: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Runs a line of shell in which `$ORFEAS` is the program; for a pipeline, the exit code is that of `orfeas`.
fn shell(folder: &Path, redis: &RedisServer, line: &str) -> Output {
    let mut command = Command::new("bash");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(folder);
    command.env("ORFEAS", env!("CARGO_BIN_EXE_orfeas")).env("REDIS_URL", redis.url()).env("ORFEAS_MASTER_KEY", MASTER);
    command.args(["-c", line]).output().unwrap()
}

fn check(output: &Output, line: &str) -> Option<i32> {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("panicked"), "{line}: {errors}");
    assert_ne!(output.status.code(), Some(101), "{line}");
    output.status.code()
}

/// Commands that print something and succeed.
const COMMANDS: [&str; 11] = [
    "models list",
    "models list --json",
    "models list --models nowhere",
    "models inspect tiny",
    "models inspect tiny --json",
    "models synthesize --config tiny.yaml -o made --force",
    "agents list",
    "agents list --json",
    "agents show ada",
    "agents change ada --tier pro",
    "audit",
];

fn place(redis: &RedisServer) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.yaml"), include_str!("models/tiny.yaml")).unwrap();
    for line in ["models synthesize --config tiny.yaml -o tiny", "agents add ada"] {
        let output = shell(folder.path(), redis, &format!("$ORFEAS {line}"));
        assert!(output.status.success(), "{output:?}");
    }
    folder
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let redis = RedisServer::start();
    let folder = place(&redis);
    for command in COMMANDS {
        // The pipe is closed before anything is printed.
        let line = format!("exec 3> >(true); wait $!; $ORFEAS {command} >&3");
        assert_eq!(check(&shell(folder.path(), &redis, &line), &line), Some(0), "{line}");
        let line = format!("$ORFEAS {command} | head -1; exit ${{PIPESTATUS[0]}}");
        assert_eq!(check(&shell(folder.path(), &redis, &line), &line), Some(0), "{line}");
    }
}

#[test]
fn a_full_output_is_an_error_and_a_full_error_output_is_ignored() {
    let redis = RedisServer::start();
    let folder = place(&redis);
    for command in COMMANDS {
        let line = format!("$ORFEAS {command} > /dev/full");
        let output = shell(folder.path(), &redis, &line);
        // An empty audit log prints nothing.
        let expected = if command == "audit" { 0 } else { 1 };
        assert_eq!(check(&output, &line), Some(expected), "{line}: {output:?}");
        if expected == 1 {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(errors.contains("standard output cannot be written: No space left"), "{line}: {errors}");
        }
        for closed in ["2>/dev/full", ">&-", "2>&-", ">&- 2>&-"] {
            let line = format!("$ORFEAS {command} {closed}");
            assert_eq!(check(&shell(folder.path(), &redis, &line), &line), Some(0), "{line}");
        }
    }
    for (command, code) in [
        ("models pull nothing", 2),
        ("models inspect nowhere", 3),
        ("generate nowhere.png", 2),
        ("--no-such", 2),
        ("up --model nowhere --data up", 3),
    ] {
        for full in ["2>/dev/full", "2>&-", ">/dev/full 2>/dev/full"] {
            let line = format!("$ORFEAS {command} {full}");
            assert_eq!(check(&shell(folder.path(), &redis, &line), &line), Some(code), "{line}");
        }
    }
}

#[test]
fn a_key_that_cannot_be_printed_is_reported_as_lost() {
    let redis = RedisServer::start();
    let folder = place(&redis);
    let commands = ["agents add NAME", "agents add NAME --json", "agents rotate ada", "agents rotate ada --json"];
    let outputs = ["> /dev/full", "| true", ">&-"];
    for (number, (command, output)) in commands.iter().flat_map(|c| outputs.iter().map(move |o| (c, o))).enumerate() {
        let command = command.replace("NAME", &format!("agent-{number}"));
        let line = match *output {
            "| true" => format!("exec 3> >(true); wait $!; $ORFEAS {command} >&3"),
            other => format!("$ORFEAS {command} {other}"),
        };
        let output = shell(folder.path(), &redis, &line);
        assert_eq!(check(&output, &line), Some(1), "{line}: {output:?}");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("is lost: ") || errors.contains("cannot be written: it is closed"), "{line}: {errors}");
    }
    // With a closed output no key was made at all.
    let output = shell(folder.path(), &redis, "$ORFEAS agents list");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("agent-2"), "{output:?}");
}
