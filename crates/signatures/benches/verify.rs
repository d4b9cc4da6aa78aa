//! Time to parse and verify a signature once the body is hashed; it must not depend on the size of the body.
//!
//! Besides criterion's estimate it prints p50 and p99 of single calls, the latency added to a request.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use signatures::{BodyDigest, BodyHasher, Presented, Request, Signer, agent, http};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BODY: usize = 5 * 1024 * 1024;
const CALLS: usize = 20_000;

fn verify(c: &mut Criterion) {
    let body = vec![0x5a; BODY];
    let digest = BodyDigest::of(&body);
    let covered = |name: &str| match name {
        "content-type" => vec![&b"multipart/form-data; boundary=0123456789abcdef"[..]],
        "idempotency-key" => vec![&b"mug-17"[..]],
        _ => Vec::new(),
    };
    let request = Request {
        method: "POST",
        scheme: "https",
        authority: "orfeas.example",
        path: "/api/agent/generate-3d",
        query: Some("wait=1"),
        headers: &covered,
    };
    let secret = &[7; 43];
    let signer = Signer { key: "orf_live_key", secret, created: 1_750_000_000, nonce: "0123456789abcdef" };
    for (name, signed) in
        [("agent", agent::sign(&request, &signer, &digest)), ("http", http::sign(&request, &signer, &digest))]
    {
        let signed = signed.unwrap();
        let headers = |name: &str| match covered(name) {
            values if values.is_empty() => {
                signed.iter().filter(|(n, _)| *n == name).map(|(_, value)| value.as_bytes()).collect()
            }
            values => values,
        };
        let request = Request { headers: &headers, ..request };
        let once = || Presented::parse(black_box(&request)).unwrap().unwrap().verify(secret, &digest);
        assert!(once());
        c.bench_function(&format!("{name}: parse and verify, 5 MB body already hashed"), |b| b.iter(once));

        let mut times: Vec<Duration> = (0..CALLS).map(|_| timed(&once)).collect();
        times.sort_unstable();
        let (p50, p99) = (times[CALLS / 2], times[CALLS * 99 / 100]);
        println!("{name}: {CALLS} calls, p50 {:.1} us, p99 {:.1} us", micros(p50), micros(p99));
    }
    c.bench_function("hash of a 5 MB body, in pieces of 64 KiB", |b| {
        b.iter_batched(
            BodyHasher::new,
            |mut hasher| {
                body.chunks(64 * 1024).for_each(|piece| hasher.update(piece));
                hasher.finish()
            },
            BatchSize::SmallInput,
        );
    });
}

fn timed(once: &impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    black_box(once());
    start.elapsed()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(2));
    targets = verify
}
criterion_main!(benches);
