//! The program as a process: command line, logs, signals.

use crate::world::{command_line, job, register, until};
use queue::{Queue, RedisOptions};
use reqwest::Client;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use test_support::{RedisServer, ServiceProcess};

const SECONDS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn from_start_to_sigterm_with_a_stream_open() {
    let (redis, directory) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let [ada, _] = register(directory.path(), &redis.url()).await;
    let address_file = directory.path().join("address");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-status"));
    command.current_dir(directory.path()).args(&command_line(directory.path(), &redis.url())[1..]);
    let status = ServiceProcess::spawn(command.arg("--addr-file").arg(&address_file));
    let line: Value = serde_json::from_str(&status.wait_for_line("\"listening\"", SECONDS).await).unwrap();
    let address = std::fs::read_to_string(&address_file).unwrap();
    assert_eq!(line["addr"], address.as_str());
    status.wait_ready(&format!("http://{address}/readyz"), SECONDS).await;

    let queue = Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap();
    let job = job(&ada.id);
    queue.submit(&job.clone().into()).await.unwrap();
    let url = format!("http://{address}/api/v1/jobs/{}", job.id);
    let view = Client::new().get(&url).bearer_auth(&ada.key).header("x-request-id", "my-request").send().await.unwrap();
    assert_eq!(view.json::<Value>().await.unwrap()["status"], "queued");
    let logged: Value = serde_json::from_str(&status.wait_for_line("my-request", SECONDS).await).unwrap();
    assert_eq!(logged["span"]["job.id"], job.id.to_string().as_str(), "{logged}");

    let mut stream = Client::new().get(format!("{url}/events")).bearer_auth(&ada.key).send().await.unwrap();
    until(&mut stream, "event: snapshot").await;
    assert!(status.terminate(SECONDS).await.success());
    while stream.chunk().await.unwrap().is_some() {}
}
