//! Stores and clients that are unavailable, slow, or full.

use crate::pictures::{encode, jpeg, noise, png};
use crate::world::{GENERATE, World, problem};
use image::ImageFormat;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_is_stored_and_the_gateway_recovers_by_itself() {
    let world = World::new().await;
    assert_eq!(world.post_form(&png(), &[]).send().await.unwrap().status(), 202);
    let stored = world.stored();

    world.redis.stop();
    let answer = world.post_form(&jpeg(), &[]).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "2");
    let body = problem(answer).await;
    assert_eq!((&body["code"], &body["retryable"]), (&"queue_unavailable".into(), &true.into()));
    assert_eq!(world.stored(), stored, "the picture of a job that was not queued is not kept");
    assert_eq!(world.get("/livez").send().await.unwrap().status(), 200);
    let ready = world.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert_eq!(
        ready.json::<Value>().await.unwrap(),
        serde_json::json!({"ready": false, "queue": false, "blobs": true})
    );
    assert_eq!(world.get("/metrics").send().await.unwrap().status(), 200);

    world.redis.restart();
    // This Redis keeps nothing, so the key is unknown after the restart.
    let back = async || world.post_form(&jpeg(), &[]).send().await.unwrap().status() == 401;
    test_support::wait_until("the gateway to answer again", Duration::from_secs(30), back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_not_waited_for() {
    let world = World::new().await;
    world.redis.pause();
    let begun = Instant::now();
    let answer = world.post_form(&png(), &[]).send().await.unwrap();
    assert_eq!(problem(answer).await["code"], "queue_unavailable");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(world.stored(), 0);
    world.redis.resume();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_states_when_to_retry() {
    let world = World::with(&["--queue-max-depth=2"]).await;
    for _ in 0..2 {
        assert_eq!(world.post_form(&png(), &[]).send().await.unwrap().status(), 202);
    }
    let answer = world.post_form(&png(), &[]).send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "30");
    let body = problem(answer).await;
    assert_eq!((&body["code"], &body["status"]), (&"queue_full".into(), &429.into()));
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_store_that_cannot_be_written() {
    let world = World::new().await;
    // A file in place of the directory makes every write fail, also for root.
    std::fs::remove_dir_all(world.blobs_directory()).unwrap();
    std::fs::write(world.blobs_directory(), "in the way").unwrap();
    let body = problem(world.post_form(&png(), &[]).send().await.unwrap()).await;
    assert_eq!((&body["code"], &body["status"]), (&"storage_unavailable".into(), &503.into()));
    assert!(!body.to_string().contains("in the way") && !body.to_string().contains("blobs/"), "{body}");
    assert_eq!(world.get("/readyz").send().await.unwrap().status(), 503);
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_takes_too_long_is_given_up() {
    let world = World::with(&["--body-timeout-seconds=0.3"]).await;
    let mut line = TcpStream::connect(world.server.address()).await.unwrap();
    let head = format!(
        "POST {GENERATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n{{\"image\":",
        world.keys[0]
    );
    line.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(30), line.read_to_string(&mut answer))
        .await
        .expect("it hangs up")
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"body_timeout\""), "{answer}");
}

/// The head of a request with a well-formed but unknown key, whose signature can be checked with the body only.
fn unproven_head(path: &str, n: usize, length: usize) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signature = "0".repeat(64);
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nX-Agent-API-Key: orf_live_{n:043}\r\nX-Agent-Timestamp: {now}\r\n\
         X-Agent-Nonce: {n:032}\r\nX-Agent-Signature: {signature}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// Connections with a well-formed but unknown key id that send one byte now and then.
async fn idle_senders(world: &World, count: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let address = world.server.address();
    let sender = |n: usize| async move {
        let head = unproven_head("/api/agent/batch", n, 50_000_000);
        loop {
            let Ok(mut line) = TcpStream::connect(address).await else { return };
            if line.write_all(head.as_bytes()).await.is_err() {
                continue;
            }
            while line.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    };
    (0..count).map(|n| tokio::spawn(sender(n))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_of_an_unproven_sender_is_given_up_at_every_address() {
    let world = World::new().await;
    let addresses = ["/api/agent/generate-3d", "/api/agent/batch", "/api/agent/webhooks", "/api/admin/agents"];
    let attempts = addresses.map(async |path| {
        let mut line = TcpStream::connect(world.server.address()).await.unwrap();
        let head = unproven_head(path, 0, 60_000);
        line.write_all(head.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let (mut answer, mut sender) = line.split();
        let trickle = async {
            while sender.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let mut head = [0; 13];
        tokio::select! {
            read = answer.read_exact(&mut head) => { read.unwrap(); }
            () = trickle => {}
        }
        assert_eq!(&head, b"HTTP/1.1 408 ", "{path}");
        assert!(begun.elapsed() < Duration::from_secs(6), "{path}: {:?}", begun.elapsed());
    });
    futures_util::future::join_all(attempts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_without_a_proven_key_do_not_keep_others_out() {
    let world = World::new().await;
    let idle = idle_senders(&world, 64).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begun = Instant::now();
    for _ in 0..30 {
        let answer = world.post_form(&png(), &[]).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    }
    // A batch needs more memory than a single image.
    let body = serde_json::json!({ "images": vec![base64(&png()); 16] });
    let batch = world.client.post(world.url("/api/v1/batch")).bearer_auth(&world.keys[0]).json(&body);
    assert_eq!(batch.send().await.unwrap().status(), 202);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    idle.into_iter().for_each(|task| task.abort());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_wait_for_memory_and_a_slow_one_gives_it_up() {
    // Room for one body of the maximum size. One without a length counts as that.
    let world = World::with(&["--request-memory-mib=16", "--body-timeout-seconds=3"]).await;
    let unannounced =
        |body| world.post().header("content-type", "application/json").body(reqwest::Body::wrap_stream(body));
    let trickle = || {
        futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(vec![b' ']), ()))
        })
    };
    let first = tokio::spawn(unannounced(trickle()).send());
    tokio::time::sleep(Duration::from_millis(1000)).await;
    // A small body waits for the slow one, which is given up for its rate.
    let answer = world.post_form(&png(), &[]).send().await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    let first = problem(first.await.unwrap().unwrap()).await;
    assert_eq!(first["code"], "body_timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_ends_at_the_limit() {
    let world = World::with(&["--max-body-bytes=100000"]).await;
    let chunks = futures_util::stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000])));
    let body = reqwest::Body::wrap_stream(chunks);
    let answer = world.post().header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(problem(answer).await["code"], "body_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_far_beyond_the_limit_is_answered_and_not_only_cut_off() {
    let world = World::new().await;
    for _ in 0..3 {
        let body = vec![b' '; 60 << 20];
        let answer = world.post().header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(problem(answer).await["code"], "body_too_large");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_images_at_once_wait_for_each_other() {
    let world = World::with(&["--picture-checks=1"]).await;
    let picture = encode(noise(1500, 1500), ImageFormat::Jpeg);
    let requests = (0..12).map(|_| world.post_form(&picture, &[]).send());
    let answers = futures_util::future::join_all(requests);
    // The service answers other requests meanwhile.
    let probe = async {
        let begun = Instant::now();
        assert_eq!(world.get("/livez").send().await.unwrap().status(), 200);
        begun.elapsed()
    };
    let (answers, probe) = tokio::join!(answers, probe);
    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 202));
    assert!(probe < Duration::from_secs(10), "{probe:?}");
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_the_requests_that_have_begun() {
    let world = World::new().await;
    let picture = encode(noise(500, 500), ImageFormat::Png);
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".to_vec();
    body.extend(&picture);
    body.extend(b"\r\n--x--\r\n");
    let head = format!(
        "POST {GENERATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\n\
         Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {}\r\n\r\n",
        world.keys[0],
        body.len()
    );
    let address = world.server.address();
    let mut line = TcpStream::connect(address).await.unwrap();
    line.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    line.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    // The request has begun; the gateway is stopped before the image is sent.
    let stopping = tokio::spawn(world.server.stop());
    let refuses = async || TcpStream::connect(address).await.is_err();
    test_support::wait_until("the gateway to take no more", Duration::from_secs(30), refuses).await;
    line.write_all(&body).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    stopping.await.unwrap().unwrap();
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
