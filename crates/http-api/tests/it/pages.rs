//! The front page and the documentation.

use crate::world::World;
use std::time::Duration;

async fn front(world: &World) -> String {
    let answer = world.client.get(format!("{}/", world.base)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    answer.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_is_self_contained_and_its_links_lead_somewhere() {
    let world = World::new().await;
    let answer = world.client.get(&world.base).send().await.unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let page = answer.text().await.unwrap();
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
    assert!(!page.contains('{') || page.split("</style>").nth(1).is_some_and(|body| !body.contains('{')), "{page}");
    let links: Vec<&str> = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(links.len() >= 8, "{links:?}");
    for link in links {
        let answer = world.client.get(format!("{}/{link}", world.base)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{link}");
    }
    let missing = world.client.get(format!("{}/docs/nothing.md", world.base)).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_shows_the_state() {
    let world = World::new().await;
    assert!(front(&world).await.contains("class=\"ready\""));
    world.redis.stop();
    let unavailable = async || front(&world).await.contains("class=\"unavailable\"");
    test_support::wait_until("the outage to be seen", Duration::from_secs(20), unavailable).await;
    world.redis.restart();
    let ready = async || front(&world).await.contains("class=\"ready\"");
    test_support::wait_until("the recovery to be seen", Duration::from_secs(20), ready).await;
}
