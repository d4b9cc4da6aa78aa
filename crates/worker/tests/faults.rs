//! Workers that are killed, suspended or stopped by a signal, and workers that cannot start.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, World, hunyuan, picture, png, quick, slow};
use domain::JobState::{Queued, Running, Succeeded};
use domain::Parameters;
use test_support::wait_until;

/// Short enough for a test to wait until it has expired.
const SHORT: [&str; 2] = ["--lease-seconds", "1"];

#[tokio::test]
async fn the_job_of_a_killed_worker_is_finished_by_another_exactly_once() {
    let world = World::new().await;
    let first = world.worker("first", &SHORT).await;
    let id = world.submit(png(&picture(0)), slow()).await;
    world.under_way(id).await;
    first.kill_9();
    let _second = world.worker("second", &SHORT).await;
    let record = world.end(id).await;
    assert_eq!((record.state, record.attempt), (Succeeded, 2));
    assert_eq!(world.story(id).await, [(Queued, 0), (Running, 1), (Queued, 1), (Running, 2), (Succeeded, 2)]);
    assert_eq!(world.queue.counters().await.unwrap().succeeded, 1);
    assert_eq!(world.queue.depth().await.unwrap(), queue::Depth::default());
    // The second attempt makes the same file as an undisturbed run.
    let undisturbed = world.submit(png(&picture(0)), slow()).await;
    let undisturbed = world.end(undisturbed).await;
    assert_eq!(world.mesh(&undisturbed).await, world.mesh(&record).await);
}

#[tokio::test]
async fn a_suspended_worker_that_resumes_changes_nothing() {
    let world = World::new().await;
    let first = world.worker("first", &SHORT).await;
    let id = world.submit(png(&picture(0)), slow()).await;
    world.under_way(id).await;
    first.pause();
    let second = world.worker("second", &SHORT).await;
    wait_until("a second attempt", PATIENCE, async || world.record(id).await.attempt == 2).await;
    first.resume();
    let record = world.end(id).await;
    assert_eq!((record.state, record.attempt), (Succeeded, 2));
    assert_eq!(world.queue.counters().await.unwrap().succeeded, 1);
    assert!(world.queue.counters().await.unwrap().fenced >= 1, "the late writes were refused");
    // The worker notices the lost lease and takes the next job.
    assert!(second.terminate(PATIENCE).await.success());
    let next = world.submit(png(&picture(1)), quick()).await;
    assert_eq!(world.end(next).await.state, Succeeded);
}

#[tokio::test]
async fn at_sigterm_running_jobs_are_finished_and_others_stay_queued() {
    let world = World::new().await;
    let worker = world.worker("one", &["--batch-size-max", "1"]).await;
    let begun = world.submit(png(&picture(0)), slow()).await;
    world.under_way(begun).await;
    let waiting = world.submit(png(&picture(1)), quick()).await;
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0));
    assert_eq!(world.record(begun).await.state, Succeeded);
    let record = world.record(waiting).await;
    assert_eq!((record.state, record.attempt), (Queued, 0));
}

#[tokio::test]
async fn after_the_drain_time_jobs_are_released_and_the_attempt_does_not_count() {
    let world = World::new().await;
    let worker = world.worker("one", &["--drain-seconds", "0", "--batch-size-max", "3"]).await;
    let mut jobs = Vec::new();
    for n in 0..3 {
        jobs.push(world.submit(png(&picture(n)), slow()).await);
    }
    for id in &jobs {
        world.under_way(*id).await;
    }
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0));
    for id in &jobs {
        let record = world.record(*id).await;
        assert_eq!((record.state, record.attempt), (Queued, 0), "{id}");
    }
    let _next = world.worker("two", &[]).await;
    for id in jobs {
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt), (Succeeded, 1));
    }
}

#[tokio::test]
async fn a_second_sigterm_releases_jobs_at_once() {
    let world = World::new().await;
    let worker = world.worker("one", &[]).await;
    let id = world.submit(png(&picture(0)), Parameters { octree_resolution: Some(256), ..slow() }).await;
    world.under_way(id).await;
    let signal = || {
        let kill = std::process::Command::new("kill").args(["-TERM", &worker.pid().to_string()]).status().unwrap();
        assert!(kill.success());
    };
    signal();
    worker.wait_for_line("draining", PATIENCE).await;
    signal();
    wait_until("the worker's end", PATIENCE, async || worker.ended().is_some()).await;
    assert_eq!(worker.ended().unwrap().code(), Some(0));
    assert_eq!(world.record(id).await.state, Queued);
}

#[tokio::test]
async fn a_worker_that_cannot_start_says_why_in_one_line_and_exits_with_code_3() {
    // Spheres have no device, so the other family is used.
    let world = World::with_models(vec![hunyuan()]).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], &str); 5] = [
        (&["--device", "cuda:77"], "cuda:77"),
        (&["--model", "no/such/model"], "no/such/model"),
        (&["--redis-url", "redis://127.0.0.1:1"], "the queue cannot be reached"),
        (&["--blobs", "/proc/no/blobs"], "/proc/no/blobs"),
        (&["--listen", &taken], "in use"),
    ];
    for (arguments, expected) in cases {
        // clap refuses an option that is given twice, so the default arguments of the helper are not used.
        let mut command = world.command("x", &[]);
        let kept: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        let at = kept.iter().position(|argument| argument == arguments[0]);
        command = std::process::Command::new(command.get_program());
        command.env_clear().current_dir(world.folder.path());
        for (n, argument) in kept.iter().enumerate() {
            if at.is_none_or(|at| n != at && n != at + 1) {
                command.arg(argument);
            }
        }
        let output = command.args(arguments).output().unwrap();
        let line = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {line}");
        assert!(line.lines().count() == 1 && line.contains(expected), "{arguments:?}: {line}");
    }
}
