//! A key is rotated during a stream of requests, none of which is refused.

use crate::world::World;
use access::{Mode, Retire};
use reqwest::Method;
use signatures::Scheme;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::RwLock;

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_a_stream_of_requests_gives_no_401() {
    let world = Arc::new(World::new().await);
    let current = Arc::new(RwLock::new(Arc::new(world.agent("ada").await)));
    let (done, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|n| {
            let (world, current) = (Arc::clone(&world), Arc::clone(&current));
            let (done, answered) = (Arc::clone(&done), Arc::clone(&answered));
            tokio::spawn(async move {
                let scheme = if n % 2 == 0 { Scheme::Agent } else { Scheme::Http };
                while !done.load(Ordering::Relaxed) {
                    let key = Arc::clone(&*current.read().await);
                    let answer = world.signed(scheme, &key, Method::POST, "/api/agent/echo", b"body").await;
                    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let seen = answered.load(Ordering::Relaxed);
        test_support::wait_until("some requests", Duration::from_secs(60), async || {
            answered.load(Ordering::Relaxed) > seen + 40
        })
        .await;
        let tenant = current.read().await.tenant.id.clone();
        let grace = Retire::All(Duration::from_secs(600));
        let next = world.registry.issue(&tenant, Mode::Live, grace, None).await.unwrap();
        // Clients use the old key for a while.
        tokio::time::sleep(Duration::from_millis(100)).await;
        *current.write().await = Arc::new(next);
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
}
