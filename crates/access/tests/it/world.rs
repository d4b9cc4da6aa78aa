//! A registry on a private Redis.

use access::{Caller, Defaults, Denied, Issued, MasterKey, Mode, NewTenant, Operation, Registry};
use domain::Class;
use secrecy::ExposeSecret;
use std::time::Duration;
use test_support::RedisServer;

pub(crate) const MASTER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    pub(crate) registry: Registry,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(RedisServer::start()).await
    }

    pub(crate) async fn on(redis: RedisServer) -> Self {
        let registry = connect(&redis, MASTER).await.unwrap();
        Self { redis, registry }
    }

    /// An agent of this name with a live key.
    pub(crate) async fn agent(&self, name: &str) -> Issued {
        self.registry.add(NewTenant::new(name, Class::Agent), Mode::Live, None).await.unwrap()
    }

    pub(crate) async fn bearer(&self, issued: &Issued) -> Result<Caller, Denied> {
        self.registry.find_by_key(issued.api_key.expose_secret()).await.unwrap().verify_bearer()
    }

    /// Authenticates by a signature with this key's secret.
    pub(crate) async fn signed(&self, issued: &Issued) -> Result<Caller, Denied> {
        let secret = issued.signing_secret.as_ref().unwrap().expose_secret();
        let candidate = self.registry.find_by_key_id(issued.key_id.as_str()).await.unwrap();
        candidate.verify_signed(|known| known == secret.as_bytes())
    }
}

/// Sends one command directly to Redis.
pub(crate) async fn command<T: redis::FromRedisValue>(redis: &RedisServer, words: &[&str]) -> T {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
}

/// Ages the entries of a window under the prefix `test`, instead of waiting.
pub(crate) async fn let_pass(redis: &RedisServer, caller: &Caller, operation: Operation, time: Duration) {
    const WRAP: i64 = 1 << 31;
    let key = format!("test:{{access}}:window:{}:{}", caller.key_id, operation.as_str());
    let entries: Vec<i64> = command(redis, &["LRANGE", &key, "0", "-1"]).await;
    let (time, first) = (i64::try_from(time.as_millis()).unwrap(), format!("-{}", entries.len()));
    for entry in entries {
        let older = (entry - time).rem_euclid(WRAP).to_string();
        let () = command(redis, &["RPUSH", &key, &older]).await;
    }
    let () = command(redis, &["LTRIM", &key, &first, "-1"]).await;
}

pub(crate) async fn connect(redis: &RedisServer, master: &str) -> Result<Registry, access::Error> {
    let master = MasterKey::from_hex(master).unwrap();
    Registry::connect(&redis.url(), "test", &master, Defaults::default()).await
}
