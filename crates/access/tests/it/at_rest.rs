//! A dump of Redis contains no usable secret.

use crate::world::{MASTER, World};
use access::{Mode, Retire};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use redis::aio::MultiplexedConnection;
use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use std::path::Path;
use test_support::RedisServer;

/// All keys and values, serialized and as text, and the files of Redis.
async fn everything(redis: &RedisServer) -> Vec<u8> {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut all = Vec::new();
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    assert!(keys.len() > 6, "{} keys", keys.len());
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
        let value = value(&mut connection, &key).await;
        all.extend([key.as_slice(), &dump, b"\n", &value, b"\n"].concat());
    }
    let _: () = redis::cmd("SAVE").query_async(&mut connection).await.unwrap();
    let (_, folder): (String, String) =
        redis::cmd("CONFIG").arg("GET").arg("dir").query_async(&mut connection).await.unwrap();
    let before = all.len();
    files(Path::new(&folder), &mut all);
    assert!(all.len() > before + 1000, "the append-only file and the snapshot are there");
    all
}

async fn value(connection: &mut MultiplexedConnection, key: &[u8]) -> Vec<u8> {
    let kind: String = redis::cmd("TYPE").arg(key).query_async(connection).await.unwrap();
    let command = match kind.as_str() {
        "string" => redis::cmd("GET").arg(key).to_owned(),
        "hash" => redis::cmd("HGETALL").arg(key).to_owned(),
        "zset" => redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).to_owned(),
        other => panic!("a {other} at {}", String::from_utf8_lossy(key)),
    };
    let value: redis::Value = command.query_async(connection).await.unwrap();
    let mut bytes = Vec::new();
    flatten(&value, &mut bytes);
    bytes
}

fn flatten(value: &redis::Value, bytes: &mut Vec<u8>) {
    match value {
        redis::Value::BulkString(text) => bytes.extend(text),
        redis::Value::Array(items) => items.iter().for_each(|item| flatten(item, bytes)),
        redis::Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            flatten(key, bytes);
            flatten(value, bytes);
        }),
        other => bytes.extend(format!("{other:?}").bytes()),
    }
    bytes.push(b' ');
}

fn files(folder: &Path, all: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, all) } else { all.extend(std::fs::read(path).unwrap()) }
    }
}

fn holds(all: &[u8], text: &[u8]) -> bool {
    all.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn a_dump_of_redis_contains_nothing_usable() {
    // Uncompressed, so that a search finds everything.
    let arguments = ["--appendonly", "yes", "--appendfsync", "always", "--rdbcompression", "no"];
    let world = World::on(RedisServer::start_with(&arguments)).await;
    let mut issued = Vec::new();
    for name in ["ada", "bob"] {
        let first = world.agent(name).await;
        let tenant = first.tenant.id.clone();
        issued.push(first);
        issued.push(world.registry.issue(&tenant, Mode::Test, Retire::None, None).await.unwrap());
    }
    for key in &issued {
        world.bearer(key).await.unwrap();
        world.signed(key).await.unwrap();
        world.registry.note_use(&key.key_id).await.unwrap();
    }
    world.registry.reseal().await.unwrap();
    let all = everything(&world.redis).await;
    assert!(holds(&all, issued[0].key_id.as_str().as_bytes()), "the search finds what is there");

    let mut secrets: Vec<Vec<u8>> = vec![MASTER.as_bytes().to_vec()];
    secrets.push((0..32).map(|n| u8::from_str_radix(&MASTER[2 * n..2 * n + 2], 16).unwrap()).collect());
    for key in &issued {
        for secret in [&key.api_key, key.signing_secret.as_ref().unwrap()] {
            let text = secret.expose_secret();
            let random = &text.split('_').nth(2).unwrap().as_bytes()[..16];
            let plain_hash = digest(&SHA256, text.as_bytes());
            let hex: String = plain_hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            // Neither as is, in part or encoded, nor as a hash that can be computed without the master key.
            secrets.extend([
                text.as_bytes().to_vec(),
                random.to_vec(),
                STANDARD.encode(text).into_bytes(),
                URL_SAFE_NO_PAD.encode(text).into_bytes(),
                text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
                plain_hash.as_ref().to_vec(),
                hex.into_bytes(),
            ]);
        }
    }
    for secret in secrets {
        assert!(!holds(&all, &secret), "{} is in Redis", String::from_utf8_lossy(&secret));
    }
    for prefix in ["orf_live_", "orf_test_", "orf_secret_"] {
        assert!(!holds(&all, prefix.as_bytes()), "{prefix}");
    }
}
