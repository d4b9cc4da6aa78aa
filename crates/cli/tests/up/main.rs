//! `orfeas up` and `orfeas generate` with real processes, a real Redis and real files.
//!
//! The binaries of the services must have been built: they are expected in the same directory as `orfeas`.
#![allow(clippy::unwrap_used)]

mod mistakes;
mod running;

use cli::Session;
use image::{Rgba, RgbaImage};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use test_support::{ServiceProcess, wait_until};

const PATIENCE: Duration = Duration::from_secs(180);

/// Parameters of a short job.
const QUICK: [&str; 4] = ["--steps", "4", "--octree-resolution", "32"];

/// Parameters of a job that is long enough to be interrupted.
const SLOW: [&str; 4] = ["--steps", "200", "--octree-resolution", "32"];

/// A working directory with pictures in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        for service in ["orfeas-gateway", "orfeas-worker"] {
            ServiceProcess::binary(service);
        }
        let folder = tempfile::tempdir().unwrap();
        for (name, width) in [("cup.png", 50.0), ("bowl.png", 30.0)] {
            let picture = RgbaImage::from_fn(96, 96, |x, y| {
                let (dx, dy) = ((f64::from(x) - 48.0) / width, (f64::from(y) - 48.0) / 40.0);
                if dx * dx + dy * dy < 1.0 { Rgba([90, 140, 200, 255]) } else { Rgba([0; 4]) }
            });
            picture.save(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `orfeas` with a clean environment, so that a test does not depend on the one that it runs in.
    fn orfeas(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("ORFEAS_TORCH_THREADS", "1");
        command.current_dir(self.folder.path()).args(arguments);
        command
    }

    fn up_command(&self, more: &[&str]) -> Command {
        let mut command = self.orfeas(&["up", "--ready-file", "ready.json", "--device", "cpu", "--model"]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/orfeas-tiny")).args(more);
        command
    }

    /// A service that is ready, on free ports.
    async fn up(&self, more: &[&str]) -> (ServiceProcess, Session) {
        let up = ServiceProcess::spawn(self.up_command(&["--listen", "127.0.0.1:0"]).args(more));
        up.wait_for_line("Ctrl-C stops everything", PATIENCE).await;
        let session = self.session().unwrap();
        (up, session)
    }

    fn session(&self) -> Option<Session> {
        serde_json::from_slice(&fs::read(self.path("ready.json")).ok()?).ok()
    }

    fn generate(&self, arguments: &[&str]) -> Output {
        self.orfeas(&["generate"]).args(arguments).output().unwrap()
    }
}

fn line(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.lines().count() <= 1, "{text}");
    (output.status.code(), text)
}

fn lives(pid: u32) -> bool {
    // A child that has not been reaped is a zombie: it has ended.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap().success());
}

async fn metrics(session: &Session) -> String {
    reqwest::get(format!("{}/metrics", session.gateway_url)).await.unwrap().text().await.unwrap()
}

/// Waits until a worker has begun the job: a job that is lost before that is not charged an attempt.
async fn under_way(session: &Session) {
    let jobs = reqwest::Client::new().get(format!("{}/api/v1/jobs", session.gateway_url)).bearer_auth(&session.api_key);
    let stage = async || {
        let list: serde_json::Value = jobs.try_clone().unwrap().send().await.unwrap().json().await.unwrap();
        list["jobs"][0]["stage"].clone()
    };
    wait_until("a job that is denoised", PATIENCE, async || stage().await == "denoise").await;
}

async fn all_gone(session: &Session) {
    wait_until("the end of every process", PATIENCE, async || !session.pids.values().any(|&pid| lives(pid))).await;
}
