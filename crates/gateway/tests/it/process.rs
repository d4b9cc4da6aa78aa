//! The program as a process: command line, logs, traces, signals.

use crate::pictures::png;
use crate::world::{GENERATE, command_line, register};
use queue::{Queue, RedisOptions};
use reqwest::Client;
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use test_support::{RedisServer, ServiceProcess};

const SECONDS: Duration = Duration::from_secs(60);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test(flavor = "multi_thread")]
async fn from_start_to_sigterm() {
    let (redis, directory) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let [ada, _] = register(directory.path(), &redis.url()).await;
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let address_file = directory.path().join("address");
    // Options that are not on the command line are read from the file.
    std::fs::write(directory.path().join(".env"), "ORFEAS_DRAIN_SECONDS=5\nOTEL_EXPORTER_OTLP_TIMEOUT=1000\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-gateway"));
    command
        .current_dir(directory.path())
        .args(&command_line(directory.path(), &redis.url())[1..])
        .arg("--addr-file")
        .arg(&address_file)
        .arg(format!("--otlp-endpoint=http://{}", collector.local_addr().unwrap()));
    let gateway = ServiceProcess::spawn(&mut command);
    let line: Value = serde_json::from_str(&gateway.wait_for_line("\"listening\"", SECONDS).await).unwrap();
    assert_eq!(line["message"], "listening");
    let address = std::fs::read_to_string(&address_file).unwrap();
    assert_eq!(line["addr"], address.as_str());
    gateway.wait_ready(&format!("http://{address}/readyz"), SECONDS).await;

    let answer = Client::new()
        .post(format!("http://{address}{GENERATE}"))
        .bearer_auth(&ada.key)
        .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
        .header("x-request-id", "my-request")
        .multipart(Form::new().part("image", Part::bytes(png())))
        .send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 202);
    let body: Value = answer.json().await.unwrap();
    let queue = Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap();
    let record = queue.record(body["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    let traceparent = record.job.traceparent.unwrap();
    assert!(
        traceparent.starts_with(&format!("00-{TRACE}-")) && !traceparent.contains("b7ad6b7169203331"),
        "{traceparent}"
    );

    let logged: Value = serde_json::from_str(&gateway.wait_for_line("my-request", SECONDS).await).unwrap();
    assert_eq!((&logged["message"], &logged["status"]), (&"answered".into(), &202.into()), "{logged}");
    let span = &logged["span"];
    assert_eq!((&span["trace_id"], &span["job.id"], &span["caller"]), (&TRACE.into(), &body["job_id"], &ada.id.into()));

    let refused = Client::new().post(format!("http://{address}{GENERATE}")).bearer_auth("orf_live_secret");
    let refused: Value = refused.send().await.unwrap().json().await.unwrap();
    assert_eq!(refused["trace_id"].as_str().unwrap().len(), 32, "problems name their trace");
    let line = gateway.wait_for_line("unknown_key", SECONDS).await;
    assert!(!gateway.lines().iter().any(|line| line.contains("orf_live_")), "keys are never logged: {line}");

    assert!(gateway.terminate(SECONDS).await.success());
    assert!(gateway.lines().iter().any(|line| line.contains("\"ended\"")), "{:?}", gateway.lines());
    // The last spans were sent before it left: HTTP/2, and in it the service's and the span's name.
    let mut sent = Vec::new();
    collector.accept().unwrap().0.read_to_end(&mut sent).unwrap();
    let contains = |text: &str| sent.windows(text.len()).any(|window| window == text.as_bytes());
    for text in ["PRI * HTTP/2.0", "orfeas-gateway", "POST /api/v1/generate-3d"] {
        assert!(contains(text), "{text} is not in {:?}", String::from_utf8_lossy(&sent));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_prints_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let attempt = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-gateway"));
        let output = command.current_dir(directory.path()).args(arguments).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!output.status.success(), "{text}");
        text
    };
    assert!(attempt(&[]).contains("--master-key-file"));
    let text = attempt(&["--master-key-file=no-such-file"]);
    let reasons: Vec<&str> = text.lines().filter(|line| line.starts_with("orfeas-gateway: ")).collect();
    assert!(matches!(reasons[..], [reason] if reason.contains("no-such-file")), "one line on standard error: {text}");
    for (option, wrong) in [
        ("--blob-gc-minutes", "-1"),
        ("--blob-gc-minutes", "soon"),
        ("--body-timeout-seconds", "0"),
        ("--body-timeout-seconds", "1e9"),
        ("--fetch-timeout-seconds", "0"),
        ("--request-memory-mib", "8"),
        ("--listen", "everywhere"),
        ("--listen", "no-such-host.invalid:80"),
    ] {
        let text = attempt(&["--master-key-file=no-such-file", &format!("{option}={wrong}")]);
        assert!(text.contains(option) && text.contains(wrong) && !text.contains("no-such-file"), "{text}");
    }
    access::MasterKey::create(&directory.path().join("master-key")).unwrap();
    let text = attempt(&["--master-key-file=master-key", "--redis-url=redis://u:hunter2@127.0.0.1:1"]);
    assert!(text.contains("the queue cannot be used") && !text.contains("hunter2"), "{text}");
    std::fs::write(directory.path().join(".env"), "REDIS_URL = 'hunter2 \n").unwrap();
    let text = attempt(&["--master-key-file=master-key"]);
    assert!(text.contains(".env") && !text.contains("hunter2"), "{text}");
}
