//! Connections and scripts on a real redis-server.
#![allow(clippy::unwrap_used)]

use redis::{ScriptInvocation, cmd};
use redis_client::{Connections, Error};
use std::time::{Duration, Instant};
use test_support::RedisServer;

redis_client::scripts! {
    struct Scripts of ["prelude.lua"] {
        count: writes,
        peek: reads,
        wrong: reads,
        forget: frees,
    }
}

fn on<'a>(key: &str, script: &'a redis::Script) -> ScriptInvocation<'a> {
    let mut call = script.prepare_invoke();
    call.key(key);
    call
}

#[tokio::test]
async fn a_broken_connection_is_replaced_at_once_for_repeatable_calls() {
    let server = RedisServer::start();
    let (connections, other) =
        (Connections::new(&server.url(), 1).unwrap(), Connections::new(&server.url(), 1).unwrap());
    let scripts = Scripts::new();
    let call = on("n", &scripts.count);
    assert_eq!(connections.script_once::<u64>(&call).await.unwrap(), 1);

    let kill = async || other.command::<u64>(cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal")).await.unwrap();
    assert!(kill().await > 0);
    let once = connections.script_once::<u64>(&call).await;
    assert!(matches!(once, Err(Error::Unavailable(_))), "{once:?}");
    assert_eq!(connections.script_once::<u64>(&call).await.unwrap(), 2, "the next call opens a new connection");
    assert!(kill().await > 0);
    assert_eq!(connections.script::<u64>(&call).await.unwrap(), 3);
}

#[tokio::test]
async fn script_flags_are_enforced() {
    let server = RedisServer::start();
    let connections = Connections::new(&server.url(), 2).unwrap();
    let scripts = Scripts::new();
    assert_eq!(connections.script::<u64>(&on("n", &scripts.count)).await.unwrap(), 1);
    let refused = connections.script::<u64>(&on("n", &scripts.wrong)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "a reading script must not write: {refused:?}");

    connections.command::<()>(cmd("CONFIG").arg("SET").arg("maxmemory").arg(1)).await.unwrap();
    let full = connections.script::<u64>(&on("n", &scripts.count)).await;
    assert!(matches!(full, Err(Error::Memory(_))), "{full:?}");
    assert_eq!(connections.script::<u64>(&on("n", &scripts.peek)).await.unwrap(), 1);
    assert_eq!(connections.script::<u64>(&on("n", &scripts.forget)).await.unwrap(), 1);
}

#[tokio::test]
async fn an_unresponsive_or_stopped_server_is_an_error_in_bounded_time() {
    let server = RedisServer::start();
    let connections = Connections::new(&server.url(), 1).unwrap();
    let ping = async || connections.command::<String>(&cmd("PING")).await;
    ping().await.unwrap();

    server.pause();
    let start = Instant::now();
    assert!(matches!(ping().await, Err(Error::Unavailable(_))));
    // The limit is five seconds; the rest allows for a loaded machine.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    server.resume();
    server.kill();
    assert!(matches!(ping().await, Err(Error::Unavailable(_))));
    server.restart();
    ping().await.unwrap();

    assert!(matches!(Connections::new("http://127.0.0.1", 1), Err(Error::Refused(_))));
}
