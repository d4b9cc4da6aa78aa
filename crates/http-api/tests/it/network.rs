//! Allow-lists and trusted proxies.

use crate::world::{World, problem};
use access::{NewTenant, Tier};
use domain::Class;
use secrecy::ExposeSecret;

#[tokio::test(flavor = "multi_thread")]
async fn an_allow_list_is_enforced_and_only_trusted_proxies_state_addresses() {
    let plain = World::new().await;
    let trusting = World::with(&["--trusted-proxies", "127.0.0.0/8,10.0.0.0/8"]).await;
    for (world, forwarded, allowed, expected) in [
        (&plain, None, "127.0.0.1/32", 200),
        (&plain, None, "::ffff:127.0.0.1/128", 200),
        (&plain, None, "192.0.2.0/24", 403),
        // Any client can send the header.
        (&plain, Some("192.0.2.7"), "192.0.2.0/24", 403),
        (&trusting, Some("192.0.2.7"), "192.0.2.0/24", 200),
        (&trusting, Some("192.0.2.7, 10.1.2.3"), "192.0.2.0/24", 200),
        (&trusting, Some("192.0.2.7, 198.51.100.9"), "192.0.2.0/24", 403),
        (&trusting, Some("2001:db8::7"), "2001:db8::/32", 200),
        (&trusting, Some("2001:db9::7"), "2001:db8::/32", 403),
        (&trusting, None, "192.0.2.0/24", 403),
    ] {
        let name = format!("{forwarded:?} {allowed} {expected}");
        let new = NewTenant {
            tier: Tier::Unlimited,
            allow: vec![allowed.parse().unwrap()],
            ..NewTenant::new(&name, Class::User)
        };
        let key = world.add(new).await;
        let mut request = world.client.get(format!("{}/api/v1/who", world.base));
        if let Some(forwarded) = forwarded {
            request = request.header("x-forwarded-for", forwarded);
        }
        let answer = request.bearer_auth(key.api_key.expose_secret()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{name}");
        if expected == 403 {
            assert_eq!(problem(answer).await.1, "ip_denied");
        }
    }
}
