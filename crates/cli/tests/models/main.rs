//! `orfeas models`, as its users run it: the real program, real files, and a hub on loopback that misbehaves.

#![allow(clippy::unwrap_used)]

mod ckpt;
mod commands;
mod hub;
mod pull;

use std::path::Path;
use std::process::{Command, Output};

/// A whole pipeline, as small as can be.
const TINY: &str = include_str!("tiny.yaml");

/// Runs `orfeas models …` in an empty environment.
fn models(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_orfeas")).arg("models").args(arguments).env_clear().output().unwrap()
}

/// Standard output of a run that must succeed.
fn stdout(arguments: &[&str]) -> String {
    let output = models(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code and last line of the standard error of a run that must fail.
fn failure(arguments: &[&str]) -> (i32, String) {
    let output = models(arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), stderr.lines().last().unwrap_or_default().to_owned())
}

/// A tiny model in `dir`.
fn tiny_model(dir: &Path) {
    let config = dir.with_extension("yaml");
    std::fs::create_dir_all(dir.parent().unwrap()).unwrap();
    std::fs::write(&config, TINY).unwrap();
    stdout(&["synthesize", "--config", config.to_str().unwrap(), "-o", dir.to_str().unwrap()]);
}

fn file_names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
