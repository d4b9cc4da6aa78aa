//! Free ports, and waiting.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Ports that [`free_port`] returns. They lie below the ephemeral range, so that no outgoing connection takes one.
const PORTS: std::ops::Range<u32> = 20_000..32_000;

/// A free TCP port of 127.0.0.1. It is not returned again soon in this process, and other processes start elsewhere.
///
/// # Panics
/// If no port is free.
pub fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let ports = PORTS.end - PORTS.start;
    let next = || PORTS.start + (std::process::id() * 997 + GIVEN.fetch_add(1, Ordering::Relaxed)) % ports;
    let mut all = (0..ports).map(|_| u16::try_from(next()).expect("a port has 16 bits"));
    all.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free loopback port")
}

/// Polls `condition` every 10 ms until it holds.
///
/// # Panics
/// With `what` if it does not hold within `timeout`.
pub async fn wait_until(what: &str, timeout: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < timeout, "waited {timeout:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits while midnight (UTC) is near, when daily counters start anew.
pub async fn away_from_midnight() {
    const DAY: u64 = 86_400;
    const NEAR: u64 = 60;
    let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() % DAY);
    if second >= DAY - NEAR {
        tokio::time::sleep(Duration::from_secs(DAY - second)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_as_long_as_it_takes() {
        let mut asked = 0;
        wait_until("the third question", Duration::from_secs(5), async || {
            asked += 1;
            asked == 3
        })
        .await;
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for: the moon")]
    async fn gives_up_with_a_name() {
        wait_until("the moon", Duration::from_millis(30), async || false).await;
    }
}
