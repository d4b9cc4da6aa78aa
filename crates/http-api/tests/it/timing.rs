//! Over HTTP, an unknown key and a wrong signature cannot be distinguished by their timing.

use crate::world::{Proof, World, sign};
use reqwest::Method;
use signatures::Scheme;
use std::time::{Duration, Instant};

const ROUNDS: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_takes_as_long_as_a_wrong_signature_over_http() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let mut last = String::new();
    // Other load may disturb one measurement, but hardly five.
    for _ in 0..5 {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (key, times) in ["key_00000000000000000000", ada.key_id.as_str()].into_iter().zip(&mut times) {
                let bare = world.bare(Method::POST, "/api/agent/echo", &[7; 20_000]);
                let request = sign(bare, Scheme::Http, &Proof::new(key, b"wrong"));
                let start = Instant::now();
                assert_eq!(world.send(request).await.status(), 401);
                times.push(start.elapsed());
            }
        }
        let [unknown, wrong] = times.map(|mut times| {
            times.sort();
            times[ROUNDS / 2]
        });
        let apart: Duration = unknown.abs_diff(wrong);
        if apart < unknown.min(wrong) / 3 {
            return;
        }
        last = format!("unknown key {unknown:?}, wrong signature {wrong:?}");
    }
    panic!("{last}");
}
