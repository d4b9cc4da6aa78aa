//! Coverage-guided fuzzing of everything that parses requests, with libFuzzer on the stable toolchain.
//!
//! A target is a file in `fuzz/fuzz_targets` with its line in `fuzz/Cargo.toml`; `fuzz/seeds/<target>` holds its
//! first inputs. Results are kept in `target/fuzz`: the corpus, and in `artifacts` each input that made a target fail.

use crate::shell::{self, cargo, command, root};
use anyhow::{Context, Result, bail};
use std::fs;

/// What `cargo fuzz` passes, without the sanitizers, which need a nightly compiler: the crates under test are safe Rust.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this target
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Fuzzes one target after the other; stops at the first input that makes one fail.
pub(crate) fn run(options: &Options) -> Result<()> {
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // With `--target`, build scripts and macros are built without the flags.
    let build = ["build", "--release", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"];
    shell::run(cargo(&build).args(["--target", &machine]).env("RUSTFLAGS", FLAGS))?;

    let targets: Vec<String> =
        targets()?.into_iter().filter(|target| options.target.as_ref().is_none_or(|only| only == target)).collect();
    if targets.is_empty() {
        bail!("there is no such target in fuzz/fuzz_targets");
    }
    for target in targets {
        println!("fuzz: {target}, {} s", options.seconds);
        let corpus = root().join("target/fuzz/corpus").join(&target);
        let artifacts = root().join("target/fuzz/artifacts").join(&target);
        fs::create_dir_all(&corpus).and_then(|()| fs::create_dir_all(&artifacts)).context("target/fuzz")?;
        let seeds = root().join("fuzz/seeds").join(&target);
        let program = root().join("target/fuzz").join(&machine).join("release").join(&target);
        let mut libfuzzer = command(
            program,
            &["-verbosity=0", "-print_funcs=0", "-print_final_stats=1", "-timeout=10", "-max_len=16384"],
        );
        libfuzzer
            .arg(format!("-max_total_time={}", options.seconds))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(corpus)
            .args(seeds.is_dir().then_some(seeds));
        shell::run(&mut libfuzzer).with_context(|| format!("the target `{target}` failed"))?;
    }
    Ok(())
}

/// The names of all targets, in order.
fn targets() -> Result<Vec<String>> {
    let files = fs::read_dir(root().join("fuzz/fuzz_targets")).context("fuzz/fuzz_targets")?;
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}
