//! Meshes from the pictures in `assets/`, by the real services.

use crate::setup;
use crate::shell::{cargo, command, root, run as run_to_end};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave the services running afterwards
    #[arg(long)]
    keep: bool,
    /// Directory of the meshes
    #[arg(long, default_value = "out/demo")]
    out: PathBuf,
    /// Address of the service
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
}

/// The file that `orfeas up` writes when it is ready.
#[derive(Deserialize)]
struct Ready {
    gateway_url: String,
    api_key: String,
}

/// Sets up, builds, starts the services, sends the pictures in `assets/` and prints a table of the results.
pub(crate) fn run(options: &Options) -> Result<()> {
    setup::run(setup::For::Running)?;
    println!("demo: building");
    let packages = ["cli", "gateway", "worker"].map(|name| format!("--package={name}"));
    run_to_end(cargo(&["build", "--release", "--locked"]).args(packages))?;

    let out = root().join(&options.out);
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let mut services = Services::start(&out, &options.listen)?;
    let pictures = pictures()?;
    println!("demo: {} pictures", pictures.len());
    let mut generate = command(orfeas(), &["generate", "--thumbnail", "--json", "-o"]);
    run_to_end(
        generate
            .arg(&out)
            .args(&pictures)
            .env("ORFEAS_URL", &services.ready.gateway_url)
            .env("ORFEAS_API_KEY", &services.ready.api_key),
    )?;
    table(&out, &pictures)?;
    if options.keep {
        println!("demo: still running at {} (Ctrl-C stops it)", services.ready.gateway_url);
        services.child.wait().context("waiting for the services")?;
    }
    Ok(())
}

fn orfeas() -> PathBuf {
    root().join("target/release/orfeas")
}

/// The services of the demo, stopped when dropped.
struct Services {
    child: Child,
    ready: Ready,
}

impl Services {
    fn start(out: &Path, listen: &str) -> Result<Self> {
        let ready_file = out.join("ready.json");
        let _ = fs::remove_file(&ready_file); // it may be of an earlier demo
        let mut up: Command = command(orfeas(), &["up", "--listen", listen, "--ready-file"]);
        let mut child = up.arg(&ready_file).arg("--data").arg(out.join("data")).spawn().context("orfeas up")?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(120) {
            if let Some(status) = child.try_wait()? {
                bail!("`orfeas up` ended with {status}");
            }
            if let Some(ready) = fs::read(&ready_file).ok().and_then(|json| serde_json::from_slice(&json).ok()) {
                return Ok(Self { child, ready });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = child.kill();
        bail!("the services were not ready within two minutes")
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // SIGTERM, like Ctrl-C: the services drain and Redis saves.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn pictures() -> Result<Vec<PathBuf>> {
    let folder = root().join("assets");
    let mut pictures: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| folder.display().to_string())?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "png"))
        .collect();
    pictures.sort();
    if pictures.is_empty() {
        bail!("there are no pictures in {}", folder.display());
    }
    Ok(pictures)
}

/// One line for each picture, from the record that `orfeas generate --json` wrote beside each mesh.
fn table(out: &Path, pictures: &[PathBuf]) -> Result<()> {
    println!("\n{:<14} {:>7} {:>9} {:>10} {:>9}  files", "picture", "seconds", "faces", "watertight", "KiB");
    for picture in pictures {
        let name = picture.file_stem().unwrap_or_default().to_string_lossy();
        let path = out.join(format!("{name}.json"));
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        let record: serde_json::Value = serde_json::from_slice(&text)?;
        let result = &record["result"];
        let list = |field: &str| result[field].as_array().map(Vec::as_slice).unwrap_or_default();
        let stages = list("timings").iter().filter(|timing| timing["stage"] != "queue");
        let seconds: f64 = stages.filter_map(|timing| timing["seconds"].as_f64()).sum();
        let mesh = list("artifacts").iter().find(|artifact| artifact["role"] == "mesh");
        let bytes = mesh.and_then(|mesh| mesh["bytes"].as_u64()).unwrap_or_default();
        println!(
            "{name:<14} {seconds:>7.2} {:>9} {:>10} {:>9}  {}.{{glb,png,json}}",
            result["quality"]["faces"],
            result["quality"]["watertight"],
            bytes / 1024,
            out.join(&*name).display(),
        );
    }
    Ok(())
}
