//! Timing does not distinguish an unknown key from a wrong signature.

use crate::world::World;
use ring::hmac;
use std::time::{Duration, Instant};

const ROUNDS: usize = 400;

/// As in the gateway: HMAC-SHA256 over a message of typical length.
fn verifies(secret: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, &[b'x'; 300], &[0; 32]).is_ok()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Compares medians of interleaved measurements, so that other load affects both. The bound is half of the shorter one:
/// without a decoy, an unknown key would skip opening the secret and verifying the signature.
#[tokio::test]
async fn an_unknown_key_takes_as_long_as_a_wrong_signature() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let (known, unknown) = (ada.key_id.as_str(), "key_00000000000000000000");
    let mut last = String::new();
    // Other load may disturb one measurement, but hardly five.
    for _ in 0..5 {
        let (mut wrong, mut strange) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for (id, times) in [(known, &mut wrong), (unknown, &mut strange)] {
                let start = Instant::now();
                let candidate = world.registry.find_by_key_id(id).await.unwrap();
                assert!(candidate.verify_signed(verifies).is_err());
                times.push(start.elapsed());
            }
        }
        let (wrong, strange) = (median(&mut wrong), median(&mut strange));
        if wrong.abs_diff(strange) < wrong.min(strange) / 2 {
            return;
        }
        last = format!("wrong signature {wrong:?}, unknown key {strange:?}");
    }
    panic!("{last}");
}
