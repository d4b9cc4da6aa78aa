//! Measurements whose results go to `docs/benchmarks/`. Both programs in one run: counts before clocks, ratios of medians.

use crate::setup;
use crate::shell::{self, cargo, command, root};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Shapes that each program makes, in turn
    #[arg(long, default_value_t = 15)]
    rounds: u32,
    /// CPU threads of each program
    #[arg(long, default_value_t = 2)]
    threads: u32,
}

const STAGES: [&str; 4] = ["encode", "denoise", "decode", "total"];

/// Compares the pipeline with the same weights in PyTorch eager: both load once, then make shapes in turn.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::run(setup::For::Tests)?;
    shell::run(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "hunyuan3d",
        "--example",
        "time_pipeline",
    ]))?;
    let arguments = ["models/orfeas-tiny", "assets/mug.png", &options.threads.to_string()].map(str::to_owned);
    let mut eager = command(setup::python(), &["training/time_eager.py"]);
    let mut ours = command(root().join("target/release/examples/time_pipeline"), &[]);
    // As `orfeas up` does. Eager keeps its default, with which it is fastest.
    ours.env("OMP_WAIT_POLICY", "passive");
    let mut programs = [Program::start(ours.args(&arguments))?, Program::start(eager.args(&arguments))?];
    // The first shape of each warms up.
    let mut seconds = [Vec::new(), Vec::new()];
    for seed in 0..=options.rounds {
        for (program, seconds) in programs.iter_mut().zip(&mut seconds) {
            let times = program.make(seed)?;
            if seed > 0 {
                seconds.push(times);
            }
        }
    }
    println!(
        "{:<10} {:>9} {:>9} {:>7}   median seconds of {} shapes",
        "stage", "ORFEAS", "eager", "ratio", options.rounds
    );
    for (n, stage) in STAGES.iter().enumerate() {
        let [ours, eager] = seconds.each_ref().map(|times| median(times.iter().map(|t| t[n]).collect()));
        println!("{stage:<10} {ours:>9.3} {eager:>9.3} {:>7.2}", ours / eager);
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A program that makes one shape for each seed that it reads, and prints the times of the stages.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start a program")?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut program = Self { child, lines };
        match program.line()?.as_str() {
            "ready" => Ok(program),
            other => bail!("expected `ready`, got `{other}`"),
        }
    }

    fn line(&mut self) -> Result<String> {
        self.lines.next().context("a program ended early")?.context("cannot read from a program")
    }

    fn make(&mut self, seed: u32) -> Result<[f64; 4]> {
        let input = self.child.stdin.as_mut().context("no input")?;
        writeln!(input, "{seed}")?;
        input.flush()?;
        let times: serde_json::Value = serde_json::from_str(&self.line()?)?;
        Ok(STAGES.map(|stage| times[stage].as_f64().unwrap_or(f64::NAN)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
