//! All checks, the quickest first.

use crate::setup;
use crate::shell::{self, cargo, command, is_installed, root};
use crate::tidy;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The licence and source checker, built once into `target/tools`.
const DENY: &str = "cargo-deny@0.20.2";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the steps whose name contains this
    only: Option<String>,
}

type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 9] = [
    ("setup", || setup::run(setup::For::Tests)),
    ("fmt", || shell::run(&mut cargo(&["fmt", "--all", "--check"]))),
    ("tidy", tidy::run),
    ("clippy", || {
        shell::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    }),
    ("docs", docs),
    ("deny", deny),
    ("binaries", || shell::run(&mut cargo(&["build", "--workspace", "--bins", "--examples", "--locked"]))),
    ("training", training),
    ("tests", || shell::run(&mut cargo(&["test", "--workspace", "--locked"]))),
];

/// Runs the steps up to the first that fails, and prints the time of each.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| name.contains(only));
    for (name, step) in STEPS.into_iter().filter(|(name, _)| wanted(name)) {
        println!("test: {name}");
        let start = Instant::now();
        step().with_context(|| format!("step `{name}` of `cargo xtask test`"))?;
        times.push((name, start.elapsed()));
    }
    println!("test: all green");
    for (name, time) in times {
        println!("{name:>10} {:7.1} s", time.as_secs_f64());
    }
    Ok(())
}

fn docs() -> Result<()> {
    shell::run(
        cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Licences, banned crates and sources. Advisories are left out: their list is outside the package registry.
fn deny() -> Result<()> {
    let tools = root().join("target/tools");
    let installed = tools.join("bin/cargo-deny");
    let program = if installed.is_file() {
        installed
    } else if is_installed("cargo-deny") {
        PathBuf::from("cargo-deny")
    } else {
        shell::run(cargo(&["install", "--quiet", "--locked", "--debug", DENY, "--root"]).arg(&tools))?;
        installed
    };
    shell::run(&mut command(program, &["--locked", "check", "bans", "licenses", "sources"]))
}

/// The training program: its own tests, and a small training run from shapes to an exported checkpoint.
fn training() -> Result<()> {
    shell::run(&mut command(setup::python(), &["-m", "pytest", "-q", "training/tests"]))
}
