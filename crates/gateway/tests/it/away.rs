//! Background work (garbage collection, simulated jobs) while Redis is not available or the gateway stops.

use crate::agents::add;
use crate::pictures::png;
use crate::test_keys::{ended, submit};
use crate::world::{GENERATE, World, command_line, register};
use access::{Defaults, MasterKey, Mode, Overrides, Registry, Retire};
use blobs::{BlobOptions, Blobs};
use clap::Parser;
use domain::{Class, JobId, JobState};
use gateway::Options;
use queue::{Queue, RedisOptions};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use test_support::{RedisServer, ServiceProcess, wait_until};
use tokio_util::sync::CancellationToken;

const SECONDS: Duration = Duration::from_secs(60);

/// The program as a process, whose log is read, and its address.
async fn start(directory: &Path, redis: &RedisServer, arguments: &[&str]) -> (ServiceProcess, String) {
    let address = directory.join("address");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-gateway"));
    command.current_dir(directory).args(&command_line(directory, &redis.url())[1..]);
    command.args(arguments).arg("--addr-file").arg(&address);
    let gateway = ServiceProcess::spawn(&mut command);
    gateway.wait_for_line("\"listening\"", SECONDS).await;
    (gateway, format!("http://{}", std::fs::read_to_string(&address).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_collected_while_the_queue_does_not_answer() {
    let (redis, directory) = (RedisServer::start_durable(), tempfile::tempdir().unwrap());
    let [ada, _] = register(directory.path(), &redis.url()).await;
    let blobs = directory.path().join("blobs");
    let (gateway, base) = start(directory.path(), &redis, &["--blob-gc-minutes=0.005"]).await;
    let form = Form::new().part("image", Part::bytes(png()));
    let answer = Client::new().post(base + GENERATE).bearer_auth(&ada.key).multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), 202);

    redis.stop();
    let uncollected = || gateway.lines().iter().filter(|line| line.contains("blobs are not collected")).count();
    wait_until("a collection to be left out", SECONDS, async || uncollected() > 0).await;
    let image = walk(&blobs);
    let orphan = Blobs::open(&BlobOptions::at(blobs.to_str().unwrap()))
        .unwrap()
        .put("no job refers to it".into())
        .await
        .unwrap();
    let orphan = blobs.join(format!("{}/{}/{orphan}", &orphan.as_str()[..2], &orphan.as_str()[2..4]));
    for file in [&image, &orphan] {
        File::open(file).unwrap().set_modified(SystemTime::now() - Duration::from_secs(30 * 86_400)).unwrap();
    }
    let before = uncollected();
    wait_until("more collections to be left out", SECONDS, async || uncollected() > before + 1).await;
    assert!(image.is_file() && orphan.is_file(), "both may be needed, however old they are");

    redis.restart();
    wait_until("collection to go on", SECONDS, async || !orphan.is_file()).await;
    assert!(image.is_file(), "its job waits");
    gateway.wait_for_line("unreferenced blobs were deleted", SECONDS).await;
    assert!(gateway.terminate(SECONDS).await.success());
}

/// The only file below a folder.
fn walk(folder: &Path) -> PathBuf {
    let path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if path.is_dir() { walk(&path) } else { path }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_job_is_released_when_its_gateway_stops() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let queue = world.queue().await;
    let job = submit(&world, &key, Some("never"), "glb").await;
    let state = async || queue.record(job).await.unwrap().unwrap().state;
    wait_until("the job to be simulated", SECONDS, async || state().await == JobState::Running).await;

    let World { redis, directory, client, server, .. } = world;
    server.stop().await.unwrap();
    wait_until("the job to wait for the next", SECONDS, async || state().await == JobState::Queued).await;
    assert_eq!(queue.record(job).await.unwrap().unwrap().failure, None);
    let line = command_line(directory.path(), &redis.url());
    let next = gateway::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
    wait_until("the job to be simulated further", SECONDS, async || state().await == JobState::Running).await;
    let url = format!("http://{}/api/v1/jobs/{job}", next.address());
    assert_eq!(client.delete(url).bearer_auth(&key).send().await.unwrap().status(), 202);
    assert_eq!(ended(&queue, job).await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_redis_kept_is_simulated_again() {
    let (redis, directory) = (RedisServer::start_durable(), tempfile::tempdir().unwrap());
    let [ada, _] = register(directory.path(), &redis.url()).await;
    let master = MasterKey::read(&directory.path().join("master-key")).unwrap();
    let registry = Registry::connect(&redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
    let key = registry.issue(&ada.id.parse().unwrap(), Mode::Test, Retire::None, None).await.unwrap().api_key;
    let (gateway, base) = start(directory.path(), &redis, &[]).await;
    let client = Client::new();
    let ask = |method: Method, path: &str| {
        client
            .request(method, format!("{base}{path}"))
            .bearer_auth(key.expose_secret())
            .header("x-test-scenario", "never")
    };
    let form = Form::new().part("image", Part::bytes(png()));
    let answer = ask(Method::POST, GENERATE).multipart(form).send().await.unwrap();
    let job: JobId = answer.json::<Value>().await.unwrap()["job_id"].as_str().unwrap().parse().unwrap();
    let queue = Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap();
    let runs_of = async |attempt| {
        let record = queue.record(job).await.ok().flatten();
        record.is_some_and(|record| record.state == JobState::Running && record.attempt >= attempt)
    };
    wait_until("the job to be simulated", SECONDS, async || runs_of(1).await).await;

    redis.stop();
    gateway.wait_for_line("was not finished", SECONDS).await;
    redis.restart();
    // Once its lease is over.
    wait_until("the job to be simulated again", 2 * SECONDS, async || runs_of(2).await).await;
    let cancelled = ask(Method::DELETE, &format!("/api/v1/jobs/{job}")).send().await.unwrap();
    assert!(cancelled.status().is_success(), "{}", cancelled.status());
    assert_eq!(ended(&queue, job).await.state, JobState::Cancelled);
    assert!(gateway.terminate(SECONDS).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_mesh_that_cannot_be_stored_fails_the_job() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let queue = world.queue().await;
    let first = ended(&queue, submit(&world, &key, None, "glb").await).await;
    // A file in place of the folder makes every write fail, also for root.
    let mesh = first.result.unwrap().artifacts[0].blob.clone();
    assert_ne!(
        mesh.as_str()[..2],
        first.job.spec.image_to_mesh().unwrap().images[0].image.as_str()[..2],
        "images are in another folder"
    );
    let folder = world.blobs_directory().join(&mesh.as_str()[..2]);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();

    let second = ended(&queue, submit(&world, &key, None, "glb").await).await;
    let failure = second.failure.unwrap();
    assert_eq!((second.state, second.attempt, &*failure.code), (JobState::Failed, 3, "internal"));
    assert!(!failure.detail.contains("in the way") && !failure.detail.contains("blob"), "{}", failure.detail);
    let other = ended(&queue, submit(&world, &key, None, "stl").await).await;
    assert_eq!(other.state, JobState::Succeeded, "the next is not harmed");
}
