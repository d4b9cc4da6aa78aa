//! What a running service does, and what happens to its programs.

use super::*;

#[tokio::test]
async fn images_become_meshes_and_everything_ends_cleanly() {
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

    // One image with every option, in another format.
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
    assert_eq!(answer.status(), 404, "a key that was made meanwhile is valid");

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
