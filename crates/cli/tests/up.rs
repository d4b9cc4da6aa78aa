//! `orfeas up` and `orfeas generate` with real processes, a real Redis and real files.
//!
//! The binaries of the services must have been built: they are expected in the same directory as `orfeas`.
#![allow(clippy::unwrap_used)]

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

/// Answers like a Redis of another version: it reads its configuration, listens on its socket, and knows two commands.
const OLD_REDIS: &str = r#"#!/usr/bin/env python3
import os, re, socket, sys
path = re.search(r'unixsocket "(.*)"', sys.stdin.read()).group(1)
if os.path.exists(path):
    os.unlink(path)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
while True:
    connection, _ = listener.accept()
    command = connection.recv(64)
    connection.sendall(b"+PONG\r\n" if command == b"PING\r\n" else b"$30\r\n# Server\r\nredis_version:6.2.14\r\n\r\n")
    connection.close()
"#;

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

#[tokio::test]
async fn pictures_become_meshes_and_everything_ends_cleanly() {
    let place = Place::new();
    let (up, session) = place.up(&["--workers", "2"]).await;
    assert_eq!(session.pids.keys().collect::<Vec<_>>(), ["gateway", "redis", "up", "worker-1", "worker-2"]);
    for file in ["ready.json", "data/up.json", "data/api-key", "data/master-key"] {
        assert_eq!(fs::metadata(place.path(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let device = up.lines().into_iter().find(|line| line.trim_start().starts_with("device ")).unwrap();
    assert_eq!(device.trim(), "device   cpu", "the device that is used");

    // Several pictures, found by the session in ./data.
    let mut arguments = vec!["cup.png", "bowl.png", "-o", "out", "--thumbnail", "--json", "--seed", "3"];
    arguments.extend(QUICK);
    let output = place.generate(&arguments);
    assert!(output.status.success(), "{output:?}");
    for name in ["cup", "bowl"] {
        assert!(fs::read(place.path(&format!("out/{name}.glb"))).unwrap().starts_with(b"glTF"));
        assert!(fs::read(place.path(&format!("out/{name}.png"))).unwrap().starts_with(b"\x89PNG"));
        let record: serde_json::Value =
            serde_json::from_slice(&fs::read(place.path(&format!("out/{name}.json"))).unwrap()).unwrap();
        let (result, status) = (&record["result"], &record["status"]);
        assert_eq!(
            (status.as_str(), result["seed"].as_u64(), result["steps"].as_u64()),
            (Some("succeeded"), Some(3), Some(4))
        );
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);

    // One picture, told everything, as another format.
    let mut arguments = vec!["cup.png", "-o", "cup.stl", "--url", &session.gateway_url];
    arguments.extend(["--api-key", &session.api_key]);
    arguments.extend(QUICK);
    assert!(place.generate(&arguments).status.success());
    assert!(fs::metadata(place.path("cup.stl")).unwrap().len() > 84);

    // Its tenants are managed while it runs, and afterwards.
    let agents = |arguments: &[&str]| {
        let output = place.orfeas(&["agents"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(agents(&["list"]).contains("local"));
    let added: serde_json::Value = serde_json::from_str(&agents(&["add", "eve", "--class", "user", "--json"])).unwrap();
    let eve = added["api_key"].as_str().unwrap().to_owned();
    let nothing = format!("{}/api/v1/jobs/00000000-0000-8000-8000-000000000000", session.gateway_url);
    let answer = reqwest::Client::new().get(nothing).bearer_auth(&eve).send().await.unwrap();
    assert_eq!(answer.status(), 404, "a key that was made meanwhile is let in");

    // A second one in the same directory.
    let (code, text) = line(&place.up_command(&["--listen", "127.0.0.1:0"]).output().unwrap());
    assert!(code == Some(3) && text.contains(&format!("process {}", up.pid())), "{code:?} {text}");

    assert_eq!(up.terminate(PATIENCE).await.code(), Some(0));
    all_gone(&session).await;
    assert!(place.session().is_none() && !place.path("data/up.json").exists());
    assert!(agents(&["show", "eve"]).contains(added["key_id"].as_str().unwrap()));

    // The same directory again: the same key, and the old jobs are still known.
    let (up, again) = place.up(&[]).await;
    assert_eq!(again.api_key, session.api_key);
    assert!(!up.lines().iter().any(|line| line.contains(&session.api_key)), "a key is shown once");
    let record: serde_json::Value = serde_json::from_slice(&fs::read(place.path("out/cup.json")).unwrap()).unwrap();
    let job = format!("{}/api/v1/jobs/{}", again.gateway_url, record["job_id"].as_str().unwrap());
    let answer = reqwest::Client::new().get(job).bearer_auth(&again.api_key).send().await.unwrap();
    let known: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(known["status"], "succeeded");
}

#[tokio::test]
async fn programs_that_die_are_restarted_and_no_job_is_lost() {
    let place = Place::new();
    let (up, session) = place.up(&[]).await;
    let mut generate = place.orfeas(&["generate", "cup.png", "-o", "cup.glb", "--json"]);
    let generate = ServiceProcess::spawn(generate.args(SLOW));
    under_way(&session).await;
    signal("KILL", session.pids["worker-1"]);
    signal("KILL", session.pids["gateway"]);
    up.wait_for_line("worker-1 ended (signal: 9 (SIGKILL)", PATIENCE).await;
    up.wait_for_line("worker-1 was started again", PATIENCE).await;
    wait_until("the end of generate", PATIENCE, async || generate.ended().is_some()).await;
    assert!(generate.ended().unwrap().success(), "{:?}", generate.lines());
    assert!(fs::read(place.path("cup.glb")).unwrap().starts_with(b"glTF"));
    let record: serde_json::Value = serde_json::from_slice(&fs::read(place.path("cup.json")).unwrap()).unwrap();
    assert_eq!(record["attempt"], 2, "it was under way when its worker died");
    let after = place.session().unwrap();
    assert!(after.pids["worker-1"] != session.pids["worker-1"] && after.pids["up"] == session.pids["up"]);

    // Nothing outlives an `up` that is killed the hard way.
    up.kill_9();
    all_gone(&after).await;
    // And its directory can be used again.
    let (up, _) = place.up(&[]).await;
    assert!(up.terminate(PATIENCE).await.success());
}

#[tokio::test]
async fn ctrl_c_cancels_the_job() {
    let place = Place::new();
    let (_up, session) = place.up(&[]).await;
    let generate = ServiceProcess::spawn(place.orfeas(&["generate", "cup.png", "-o", "cup.glb"]).args(SLOW));
    under_way(&session).await;
    signal("INT", generate.pid());
    wait_until("the end of generate", PATIENCE, async || generate.ended().is_some()).await;
    assert_eq!(generate.ended().unwrap().code(), Some(130));
    assert!(!place.path("cup.glb").exists());
    let metrics = metrics(&session).await;
    assert!(metrics.contains("orfeas_jobs_cancelled_total 1"), "{metrics}");
}

#[test]
fn what_is_missing_or_taken_is_said_in_one_line() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let run = |more: &[&str]| line(&place.up_command(more).output().unwrap());
    let (code, text) = run(&["--listen", &taken]);
    let expected = format!("orfeas: {taken} is already in use; choose another address with --listen\n");
    assert_eq!((code, text), (Some(3), expected));
    let (code, text) = run(&["--listen", "127.0.0.1:0", "--redis-server", "no-such-redis"]);
    assert!(code == Some(3) && text.contains("no-such-redis"), "{text}");
    let (code, text) = run(&["--listen", "127.0.0.1:0", "--redis-server", "/bin/false"]);
    assert!(code == Some(3) && text.contains("redis did not come up (exit status: 1; see "), "{text}");
    let old = place.path("old-redis");
    fs::write(&old, OLD_REDIS).unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let (code, text) = run(&["--listen", "127.0.0.1:0", "--redis-server", old.to_str().unwrap()]);
    assert!(code == Some(3) && text.contains("is Redis 6.2.14, which is too old: 7.0 or later is needed"), "{text}");
    let agents = place.orfeas(&["agents", "list", "--redis-server"]).arg(&old).output().unwrap();
    let (code, text) = line(&agents);
    assert!(code == Some(3) && text.contains("is Redis 6.2.14, which is too old"), "{text}");
    for wrong in
        [&["--listen", "localhost"][..], &["--listen", "localhost:x"], &["--device", "gpu"], &["--device", "mps"]]
    {
        let output = place.up_command(wrong).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains(wrong[1]), "{text}");
    }

    let (code, text) = line(&place.orfeas(&["up", "--listen", "127.0.0.1:0", "--model", "no/model"]).output().unwrap());
    assert!(code == Some(3) && text.contains("no/model"), "{text}");
    fs::create_dir(place.path("empty")).unwrap();
    let (code, text) = line(&place.orfeas(&["up", "--listen", "127.0.0.1:0", "--model", "empty"]).output().unwrap());
    assert!(
        code == Some(3) && text.contains("worker-1 did not come up (exit status: 3: ") && text.contains("empty"),
        "{text}"
    );
    let tiny = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models");
    let (code, text) = line(&place.orfeas(&["up", "--listen", "localhost:0", "--model", tiny]).output().unwrap());
    assert!(code == Some(3) && text.contains("there are models in ") && text.contains("orfeas-tiny"), "{text}");

    let alone = place.path("orfeas");
    fs::copy(env!("CARGO_BIN_EXE_orfeas"), &alone).unwrap();
    let (code, text) = line(&Command::new(&alone).arg("up").current_dir(place.folder.path()).output().unwrap());
    assert!(code == Some(3) && text.contains("orfeas-gateway is missing"), "{text}");
}

#[test]
fn settings_may_stand_in_a_file() {
    let place = Place::new();
    fs::write(place.path(".env"), "ORFEAS_URL=http://127.0.0.1:1\nORFEAS_API_KEY=orf_live_x\n").unwrap();
    let (code, text) = line(&place.generate(&["cup.png"]));
    assert!(code == Some(3) && text.contains("http://127.0.0.1:1 cannot be reached"), "{text}");
    // A line of another program's file is a warning.
    fs::write(place.path(".env"), "this is: no setting, secret\nORFEAS_URL=http://127.0.0.1:1\nORFEAS_API_KEY=x\n")
        .unwrap();
    let output = place.generate(&["cup.png"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && text.contains(".env:1: ") && !text.contains("secret"), "{text}");
    assert!(text.contains("http://127.0.0.1:1 cannot be reached"), "{text}");
}

#[tokio::test]
async fn refusals_and_failures_have_their_own_exit_codes() {
    let place = Place::new();
    let (_up, session) = place.up(&[]).await;
    let run = |arguments: &[&str]| {
        let output = place.generate(arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    fs::write(place.path("note.png"), "not a picture").unwrap();
    RgbaImage::from_pixel(64, 64, Rgba([0; 4])).save(place.path("empty.png")).unwrap();

    let (code, text) = run(&["cup.png", "--steps", "0"]);
    assert!(code == Some(2) && text.contains("must be a whole number from 1 to 200"), "{text}");
    let (code, text) = run(&["cup.png", "--seed", "-1"]);
    assert!(
        code == Some(2) && text.contains("must be a whole number from 0 to ") && !text.contains("'-- -1'"),
        "{text}"
    );
    let (code, text) = run(&["."]);
    assert!(code == Some(2) && text.contains(". is a folder"), "{text}");
    let (code, text) = run(&["nowhere.png"]);
    assert!(code == Some(2) && text.contains("nowhere.png"), "{text}");
    let (code, text) = run(&["cup.png", "--url", "http://127.0.0.1:1", "--api-key", "x"]);
    assert!(code == Some(3) && text.contains("http://127.0.0.1:1 cannot be reached"), "{text}");
    let (code, text) = run(&["note.png"]);
    assert_eq!(code, Some(5), "{text}");
    let (code, text) = run(&["cup.png", "--url", &session.gateway_url, "--api-key", "orf_live_wrong"]);
    assert!(code == Some(5) && text.contains("API key"), "{text}");
    let (code, text) = run(&["empty.png"]);
    assert!(matches!(code, Some(4 | 5)) && !text.is_empty(), "{code:?} {text}");
}

#[tokio::test]
async fn the_printed_commands_work_in_any_directory_with_any_data_directory() {
    let place = Place::new();
    let data = place.path("d #?%20&'\"$x\n").to_str().unwrap().to_owned();
    let (up, session) = place.up(&["--data", &data]).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let mut command = Command::new("sh");
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(elsewhere.path());
        command.args(["-c", line]).output().unwrap()
    };
    // The path has a line break, so each command stands on two lines.
    let screen = up.lines().join("\n");
    let from = |start: &str| {
        let at = screen.find(start).unwrap_or_else(|| panic!("{start} is not in {screen}"));
        screen[at..].split("\n\n").next().unwrap().replace("picture.png", place.path("cup.png").to_str().unwrap())
    };
    let program = env!("CARGO_BIN_EXE_orfeas");
    let output = run(&format!("{} {}", from(&format!("{program} generate ")), QUICK.join(" ")));
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read(elsewhere.path().join("mesh.glb")).unwrap().starts_with(b"glTF"));
    let output = run(&format!("{} -s", from("curl -F ")));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"job_id\""), "{output:?}");
    let agents = |data: &str| place.orfeas(&["agents", "list", "--data", data]).output().unwrap();
    assert!(String::from_utf8_lossy(&agents(&data).stdout).contains("local"));
    assert!(up.terminate(PATIENCE).await.success());
    all_gone(&session).await;
    assert!(String::from_utf8_lossy(&agents(&data).stdout).contains("local"), "and while nothing runs");
}

#[tokio::test]
async fn a_dead_redis_is_back_at_once_each_time() {
    let place = Place::new();
    let (_up, session) = place.up(&[]).await;
    let mut pid = session.pids["redis"];
    for _ in 0..5 {
        let start = std::time::Instant::now();
        signal("KILL", pid);
        let jobs = reqwest::Client::new().get(format!("{}/api/v1/jobs", session.gateway_url));
        let jobs = jobs.bearer_auth(&session.api_key);
        wait_until("another redis", PATIENCE, async || {
            place.session().is_some_and(|now| now.pids.get("redis").is_some_and(|&now| now != pid))
        })
        .await;
        wait_until("answers", PATIENCE, async || {
            jobs.try_clone().unwrap().send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        // The pauses are at most a second; the rest is a busy machine.
        assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
        pid = place.session().unwrap().pids["redis"];
    }
}

#[tokio::test]
async fn a_worker_that_does_not_stay_up_is_reported_to_clients() {
    let place = Place::new();
    let model = place.path("model");
    let tiny = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/orfeas-tiny"));
    fs::create_dir(&model).unwrap();
    for file in ["config.yaml", "model.fp16.safetensors"] {
        fs::copy(tiny.join(file), model.join(file)).unwrap();
    }
    let mut command = place.orfeas(&["up", "--ready-file", "ready.json", "--device", "cpu", "--listen", "127.0.0.1:0"]);
    let up = ServiceProcess::spawn(command.args(["--model", "model"]));
    up.wait_for_line("Ctrl-C stops everything", PATIENCE).await;
    let session = place.session().unwrap();
    fs::write(model.join("config.yaml"), "nonsense").unwrap();
    signal("KILL", session.pids["worker-1"]);
    let told = up.wait_for_line("worker-1 does not stay up", PATIENCE).await;
    assert!(told.contains("the model model cannot be used"), "the reason is the error: {told}");
    let generate = ServiceProcess::spawn(place.orfeas(&["generate", "cup.png", "-o", "cup.glb"]).args(QUICK));
    let told = generate.wait_for_line("worker-1 does not stay up", PATIENCE).await;
    assert!(told.contains("cannot be used"), "{told}");
    // When the model is whole again, the job is done.
    fs::copy(tiny.join("config.yaml"), model.join("config.yaml")).unwrap();
    wait_until("the end of generate", PATIENCE, async || generate.ended().is_some()).await;
    assert!(generate.ended().unwrap().success(), "{:?}", generate.lines());
}
