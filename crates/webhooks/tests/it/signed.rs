//! Signatures, verified by the library of Standard Webhooks.

use crate::world::{ADA, Message, PREFIX, Receiver, World};
use domain::JobState;
use redis::AsyncCommands;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use webhooks::{DeliveryState, Secret};

/// The library's verdict on each message.
fn verdicts(messages: &[(&Secret, &Message)]) -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../.venv/bin/python");
    let mut run = Command::new(&python)
        .arg(here.join("tests/interop/verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask setup --tests` makes it", python.display()));
    let mut input = run.stdin.take().unwrap();
    for (secret, message) in messages {
        let line = json!({ "secret": secret.text().expose_secret(), "headers": message.headers, "body": message.body });
        writeln!(input, "{line}").unwrap();
    }
    drop(input);
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Ends the overlap of two secrets.
async fn expire_previous_secret(world: &World, endpoint: &str) {
    let mut redis = redis::Client::open(world.redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let key = format!("{PREFIX}:{{webhooks}}:endpoints:{ADA}");
    let kept: String = redis.hget(&key, endpoint).await.unwrap();
    let mut kept: Value = serde_json::from_str(&kept).unwrap();
    assert!(kept["secrets"][1]["until_ms"].is_u64(), "{kept}");
    kept["secrets"][1]["until_ms"] = 1.into();
    let () = redis.hset(&key, endpoint, kept.to_string()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_library_of_standard_webhooks_verifies_messages() {
    let world = World::new().await;
    let receiver = Receiver::answering("200 OK").await;
    let (endpoint, first) = world.add(ADA, &receiver).await;
    let _running = world.run("one");

    world.ended(ADA, JobState::Failed).await;
    world.until(&endpoint.id, DeliveryState::Delivered).await;
    let second = world.webhooks.rotate(ADA, &endpoint.id).await.unwrap();
    world.ended(ADA, JobState::Failed).await;
    receiver.wait(2).await;
    expire_previous_secret(&world, endpoint.id.as_str()).await;
    world.ended(ADA, JobState::Failed).await;
    let messages = receiver.wait(3).await;

    let [one, both, two] = &messages[..] else { panic!("{messages:?}") };
    let mut tampered = one.clone();
    tampered.body = tampered.body.replace("failed", "foiled");
    let mut renamed = one.clone();
    renamed.headers.insert("webhook-id".to_owned(), both.id().to_owned());
    let verdicts = verdicts(&[
        (&first, one),
        (&second, one),
        (&first, both),
        (&second, both),
        (&first, two),
        (&second, two),
        (&first, &tampered),
        (&first, &renamed),
    ]);
    // Both secrets sign during a rotation, then only the new one.
    let expected = ["verified", "refused", "verified", "verified", "refused", "verified", "refused", "refused"];
    assert_eq!(verdicts, expected);
}
