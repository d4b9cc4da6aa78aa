//! Line coverage of the crates that handle requests: the compiler adds counters, and LLVM's tools read them.
//!
//! It includes the programs that the tests start, if they end by a signal that they handle; killed programs write no
//! counters. Modules of tests are left out.

use crate::programs;
use crate::shell::{self, cargo, command, output, root};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The crates that handle requests.
const CRATES: [&str; 2] = ["access", "gateway"];

/// The target folder of this command, which builds with flags of its own.
const FOLDER: &str = "target/coverage";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Least percentage of each crate's lines that the tests must run
    #[arg(long, value_name = "PERCENT", default_value_t = 90.0)]
    least: f64,
    /// How many of the least covered files are shown, with the lines that no test runs
    #[arg(long, value_name = "N", default_value_t = 10)]
    files: usize,
}

/// Runs the tests and prints the lines that they leave out; fails when these are too many.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tools = Tools::find()?;
    let profiles = root().join(FOLDER).join("profiles");
    if profiles.exists() {
        fs::remove_dir_all(&profiles).context(FOLDER)?;
    }
    fs::create_dir_all(&profiles).context(FOLDER)?;
    let programs = build()?;
    shell::run(test(&[]).env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw")))?;
    let files = covered(&tools, &profiles, &programs)?;

    let mut short = Vec::new();
    for name in CRATES {
        let of_crate = files.iter().filter(|file| file.path.starts_with(Path::new("crates").join(name)));
        let (lines, missed) =
            of_crate.fold((0, 0), |(lines, missed), file| (lines + file.lines, missed + file.missed.len()));
        let percent = percent(lines, missed);
        println!("coverage: {name}: {percent:.1} % of {lines} lines");
        // A crate without any lines was not found.
        if lines == 0 || percent < options.least {
            short.push(name);
        }
    }
    for file in files.iter().take(options.files).filter(|file| !file.missed.is_empty()) {
        println!("{:6.1} % {}, without {}", file.percent(), file.path.display(), ranges(&file.missed));
    }
    if !short.is_empty() {
        bail!("below {} %: {}", options.least, short.join(", "));
    }
    Ok(())
}

/// The programs that read the counters, whose format is that of the compiler's LLVM.
struct Tools {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Tools {
    /// rustup's component `llvm-tools`, else the system's package of the same version.
    fn find() -> Result<Self> {
        let version = output(&mut command("rustc", &["-vV"]))?;
        let field = |name: &str| version.lines().find_map(|line| line.strip_prefix(name)).context("rustc -vV");
        let sysroot = output(&mut command("rustc", &["--print", "sysroot"]))?;
        let component = Path::new(sysroot.trim()).join("lib/rustlib").join(field("host: ")?).join("bin");
        if component.join("llvm-cov").is_file() {
            return Ok(Self { profdata: component.join("llvm-profdata"), cov: component.join("llvm-cov") });
        }
        let major = field("LLVM version: ")?.split('.').next().unwrap_or_default();
        let [profdata, cov] = ["llvm-profdata", "llvm-cov"].map(|tool| format!("{tool}-{major}"));
        programs::ensure(&[(&cov, &format!("llvm-{major}"))])
            .with_context(|| format!("`rustup component add llvm-tools`, or {cov} and {profdata}, is needed"))?;
        Ok(Self { profdata: profdata.into(), cov: cov.into() })
    }
}

/// The tests with counters in them.
fn test(arguments: &[&str]) -> Command {
    // With `--target`, build scripts and macros are built without the flags.
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut test = cargo(&["test", "--locked", "--tests", "--target-dir", FOLDER, "--target", &machine]);
    test.args(CRATES.iter().flat_map(|name| ["--package", name])).args(arguments);
    test.env("RUSTFLAGS", "-Cinstrument-coverage");
    test
}

/// Builds the tests, and returns the paths of all programs that may have run.
fn build() -> Result<Vec<String>> {
    let mut build = test(&["--no-run", "--message-format=json-render-diagnostics"]);
    let messages = output(build.stderr(Stdio::inherit()))?;
    let executable = |line: &str| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(message["executable"].as_str()?.to_owned())
    };
    Ok(messages.lines().filter_map(executable).collect())
}

/// A source file.
struct File {
    path: PathBuf,
    /// How many lines with code it has.
    lines: usize,
    /// Those that were not executed.
    missed: Vec<usize>,
}

impl File {
    fn percent(&self) -> f64 {
        percent(self.lines, self.missed.len())
    }
}

/// Every source file of the crates, the least covered first.
fn covered(tools: &Tools, profiles: &Path, programs: &[String]) -> Result<Vec<File>> {
    let merged = profiles.join("all.profdata");
    let raw = fs::read_dir(profiles)?.filter_map(|entry| Some(entry.ok()?.path()));
    let raw: Vec<PathBuf> = raw.filter(|path| path.extension().is_some_and(|end| end == "profraw")).collect();
    shell::run(command(&tools.profdata, &["merge", "-sparse", "-o"]).arg(&merged).args(raw))?;

    let mut export = command(&tools.cov, &["export", "-format=lcov", "-skip-functions", "-instr-profile"]);
    export.arg(merged).args(programs.iter().flat_map(|program| ["-object", program]));
    export.arg("-sources").args(CRATES.map(|name| root().join("crates").join(name).join("src")));
    let mut files =
        output(&mut export)?.split("end_of_record").filter_map(|r| file(r).transpose()).collect::<Result<Vec<_>>>()?;
    files.sort_by(|a, b| a.percent().total_cmp(&b.percent()).then_with(|| a.path.cmp(&b.path)));
    Ok(files)
}

/// A record of LCOV's format: `SF:path`, and `DA:line,count` for each line with code.
fn file(record: &str) -> Result<Option<File>> {
    let Some(path) = record.lines().find_map(|line| line.strip_prefix("SF:")) else { return Ok(None) };
    let source = fs::read_to_string(path).with_context(|| path.to_owned())?;
    // A module of tests is the last thing in its file.
    let end = source.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX);
    let counts = record.lines().filter_map(|line| {
        let (line, count) = line.strip_prefix("DA:")?.split_once(',')?;
        Some((line.parse::<usize>().ok()?, count != "0"))
    });
    let (mut lines, mut missed) = (0, Vec::new());
    for (line, ran) in counts.filter(|(line, _)| *line <= end) {
        lines += 1;
        if !ran {
            missed.push(line);
        }
    }
    let path = Path::new(path).strip_prefix(root()).unwrap_or(Path::new(path)).to_path_buf();
    Ok(Some(File { path, lines, missed }))
}

fn percent(lines: usize, missed: usize) -> f64 {
    100.0 * (lines - missed) as f64 / lines.max(1) as f64
}

/// `3-5, 9` for 3, 4, 5 and 9.
fn ranges(lines: &[usize]) -> String {
    let runs: Vec<String> = lines
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| match run {
            [only] => only.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        })
        .collect();
    runs.join(", ")
}
