//! When the neighbours are away, slow, or full.

use crate::pictures::{encode, jpeg, noise, png};
use crate::world::{GENERATE, World, problem};
use image::ImageFormat;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_is_stored_and_it_comes_back_by_itself() {
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
    // This Redis has kept nothing, so the key is unknown; but that is an answer.
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
async fn a_full_queue_says_when_to_come_back() {
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
    // A file in the place of the directory fails for every user, root included.
    std::fs::remove_dir_all(world.blobs_directory()).unwrap();
    std::fs::write(world.blobs_directory(), "in the way").unwrap();
    let body = problem(world.post_form(&png(), &[]).send().await.unwrap()).await;
    assert_eq!((&body["code"], &body["status"]), (&"storage_unavailable".into(), &503.into()));
    assert!(!body.to_string().contains("in the way") && !body.to_string().contains("blobs/"), "{body}");
    assert_eq!(world.get("/readyz").send().await.unwrap().status(), 503);
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_in_is_given_up() {
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

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_do_not_take_more_room_than_there_is() {
    let world = World::with(&["--uploads=2", "--body-timeout-seconds=3"]).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut line = TcpStream::connect(world.server.address()).await.unwrap();
        let head = format!(
            "POST {GENERATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: 1000\r\n\r\n",
            world.keys[0]
        );
        line.write_all(head.as_bytes()).await.unwrap();
        slow.push(line);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // Room comes when the slow ones are given up, which is sooner than this one has to wait.
    let answer = world.post_form(&png(), &[]).send().await.unwrap();
    assert_eq!(answer.status(), 202);

    let hold = World::with(&["--uploads=1", "--body-timeout-seconds=3"]).await;
    let endless = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, std::io::Error>(vec![b' ']), ()))
    });
    let first = hold.post().header("content-type", "application/json").body(reqwest::Body::wrap_stream(endless));
    let first = tokio::spawn(first.send());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let both = futures_util::future::join_all((0..2).map(|_| {
        hold.post()
            .header("content-type", "application/json")
            .body(reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>()))
            .send()
    }));
    let mut codes = Vec::new();
    for answer in both.await {
        codes.push(problem(answer.unwrap()).await["code"].as_str().unwrap().to_owned());
    }
    codes.sort_unstable();
    assert_eq!(codes, ["body_timeout", "overloaded"], "one got the room and wasted it, the other waited in vain");
    assert_eq!(first.await.unwrap().unwrap().status(), 408);
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
async fn many_large_pictures_at_once_take_their_turn() {
    let world = World::with(&["--picture-checks=1"]).await;
    let picture = encode(noise(1500, 1500), ImageFormat::Jpeg);
    let requests = (0..12).map(|_| world.post_form(&picture, &[]).send());
    let answers = futures_util::future::join_all(requests);
    // The service goes on answering meanwhile.
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
async fn stopping_finishes_what_has_begun() {
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

    // The request has begun; now it is told to stop, and only then the picture comes.
    let stopping = tokio::spawn(world.server.stop());
    let nobody_listens = async || TcpStream::connect(address).await.is_err();
    test_support::wait_until("the gateway to take no more", Duration::from_secs(30), nobody_listens).await;
    line.write_all(&body).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    stopping.await.unwrap().unwrap();
}
