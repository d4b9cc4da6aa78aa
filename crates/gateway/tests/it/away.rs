//! What goes on by itself, sweeping and playing, when a neighbour is away or the gateway leaves.

use crate::agents::add;
use crate::pictures::png;
use crate::test_keys::{ask, ended, submit};
use crate::world::{GENERATE, World, command_line, files, register};
use access::{Mode, Overrides};
use clap::Parser;
use domain::{Class, JobState};
use gateway::Options;
use reqwest::multipart::{Form, Part};
use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};
use test_support::{RedisServer, ServiceProcess, wait_until};
use tokio_util::sync::CancellationToken;

const SECONDS: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_swept_while_the_queue_cannot_tell_what_is_needed() {
    let (redis, directory) = (RedisServer::start_durable(), tempfile::tempdir().unwrap());
    let [ada, _] = register(directory.path(), &redis.url()).await;
    let (address, blobs) = (directory.path().join("address"), directory.path().join("blobs"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-gateway"));
    command.current_dir(directory.path()).args(&command_line(directory.path(), &redis.url())[1..]);
    command.args(["--blob-sweep-minutes=0.005", "--addr-file"]).arg(&address);
    let gateway = ServiceProcess::spawn(&mut command);
    gateway.wait_for_line("\"listening\"", SECONDS).await;
    let url = format!("http://{}{GENERATE}", std::fs::read_to_string(&address).unwrap());
    let form = Form::new().part("image", Part::bytes(png()));
    let answer = reqwest::Client::new().post(url).bearer_auth(&ada.key).multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), 202);

    redis.stop();
    let unswept = || gateway.lines().iter().filter(|line| line.contains("blobs are not swept")).count();
    wait_until("a sweep to be left out", SECONDS, async || unswept() > 0).await;
    let picture = walk(&blobs);
    File::open(&picture).unwrap().set_modified(SystemTime::now() - Duration::from_secs(30 * 86_400)).unwrap();
    let before = unswept();
    wait_until("more sweeps to be left out", SECONDS, async || unswept() > before + 1).await;
    assert!(picture.is_file(), "it may be needed, however old it is");

    redis.restart();
    wait_until("the sweeping to go on", SECONDS, async || files(&blobs) == 0).await;
    gateway.wait_for_line("\"swept\"", SECONDS).await;
    assert!(gateway.terminate(SECONDS).await.success());
}

/// The only file below a folder.
fn walk(folder: &std::path::Path) -> std::path::PathBuf {
    let path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if path.is_dir() { walk(&path) } else { path }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_played_job_is_handed_on_when_its_gateway_leaves() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let queue = world.queue().await;
    let job = submit(&world, &key, Some("slow"), "glb").await;
    let state = async || queue.record(job).await.unwrap().unwrap().state;
    wait_until("the job to be played", SECONDS, async || state().await == JobState::Running).await;

    let World { redis, directory, client, server, .. } = world;
    server.stop().await.unwrap();
    let record = queue.record(job).await.unwrap().unwrap();
    assert_eq!((record.state, record.failure), (JobState::Queued, None), "it waits for the next");
    let line = command_line(directory.path(), &redis.url());
    let next = gateway::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
    wait_until("the job to be played on", SECONDS, async || state().await == JobState::Running).await;
    let url = format!("http://{}/api/v1/jobs/{job}", next.address());
    assert_eq!(client.delete(url).bearer_auth(&key).send().await.unwrap().status(), 202);
    assert_eq!(ended(&queue, job).await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_played_again_once_redis_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(RedisServer::start_durable(), directory, &[], None).await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let interrupted = submit(&world, &key, Some("never"), "glb").await;
    let queue = world.queue().await;
    let state = async || queue.record(interrupted).await.unwrap().unwrap().state;
    wait_until("the job to be played", SECONDS, async || state().await == JobState::Running).await;

    world.redis.stop();
    let ready = async || world.get("/readyz").send().await.unwrap().status() == 200;
    wait_until("the gateway to notice", SECONDS, async || !ready().await).await;
    world.redis.restart();
    // Each of its lines to Redis comes back when it is next used.
    let mut next = None;
    wait_until("the gateway to take jobs again", SECONDS, async || {
        next = ask(&world, &key, None, "glb").await.ok();
        next.is_some()
    })
    .await;
    let queue = world.queue().await;
    assert_eq!(ended(&queue, next.unwrap()).await.state, JobState::Succeeded);

    // Nobody plays the other one until its lease is over; it can be cancelled all the same.
    let url = world.url(&format!("/api/v1/jobs/{interrupted}"));
    assert!(world.client.delete(url).bearer_auth(&key).send().await.unwrap().status().is_success());
    assert_eq!(ended(&queue, interrupted).await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_played_mesh_that_cannot_be_kept_fails_the_job() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let queue = world.queue().await;
    let first = ended(&queue, submit(&world, &key, None, "glb").await).await;
    // A file in the place of the mesh's folder fails for every user, root included.
    let mesh = first.result.unwrap().mesh;
    assert_ne!(mesh.as_str()[..2], first.job.image.as_str()[..2], "pictures lie elsewhere");
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
