//! The master key is changed during a stream of requests.

use crate::world::{World, command_line};
use access::{Defaults, MasterKey, Mode, NewTenant, Registry};
use clap::Parser;
use domain::Class;
use gateway::Options;
use http_api::Server;
use secrecy::ExposeSecret;
use std::fs;
use std::path::Path;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

async fn start(world: &World) -> Result<Server, gateway::Error> {
    let line = command_line(world.directory.path(), &world.redis.url());
    gateway::start(&Options::parse_from(line), CancellationToken::new()).await
}

fn master(directory: &Path) -> MasterKey {
    MasterKey::read(&directory.join("master-key")).unwrap()
}

/// Sends requests to one gateway continuously.
struct Asking {
    task: JoinHandle<()>,
    answers: UnboundedReceiver<()>,
}

impl Asking {
    fn of(world: &World, server: &Server) -> Self {
        let (answered, answers) = unbounded_channel();
        let (client, key) = (world.client.clone(), world.keys[0].clone());
        let url = format!("http://{}/api/v1/limits", server.address());
        let task = tokio::spawn(async move {
            loop {
                let answer = client.get(&url).bearer_auth(&key).send().await.unwrap();
                assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
                answered.send(()).unwrap();
            }
        });
        Self { task, answers }
    }

    /// Returns once further requests were answered.
    async fn goes_on(&mut self) {
        while self.answers.try_recv().is_ok() {}
        for _ in 0..10 {
            self.answers.recv().await.expect("a request was refused");
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_changed_without_a_refused_request() {
    let world = World::new().await;
    let (directory, file) = (world.directory.path(), world.directory.path().join("master-key"));
    let other = start(&world).await.unwrap();
    let mut asking = [Asking::of(&world, &world.server), Asking::of(&world, &other)];
    let all_go_on = async |asking: &mut [Asking]| {
        for one in asking {
            one.goes_on().await;
        }
    };
    all_go_on(&mut asking).await;

    // First every service gets both keys, one after the other.
    let old = fs::read_to_string(&file).unwrap();
    let new = "5a".repeat(32);
    fs::write(&file, format!("{new}\n{old}")).unwrap();
    let with_both = start(&world).await.unwrap();
    all_go_on(&mut asking).await;
    let registry = Registry::connect(&world.redis.url(), "orfeas", &master(directory), Defaults::default()).await;
    registry.unwrap().reseal().await.unwrap();
    all_go_on(&mut asking).await;

    // Then the old key is removed.
    fs::write(&file, &old).unwrap();
    let refused = start(&world).await.err().unwrap();
    let refused = match refused {
        gateway::Error::Service(http_api::Error::Access(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused, access::Error::OtherMasterKey), "{refused:?}");
    assert!(refused.to_string().contains("another master key"), "{refused}");
    fs::write(&file, &new).unwrap();
    let with_new = start(&world).await.unwrap();
    let mut later = [Asking::of(&world, &with_both), Asking::of(&world, &with_new)];
    all_go_on(&mut later).await;
    all_go_on(&mut asking).await;

    // A tenant that is added now is known to gateways that opened the registry with the old key.
    let registry = Registry::connect(&world.redis.url(), "orfeas", &master(directory), Defaults::default()).await;
    let eve = registry.unwrap().add(NewTenant::new("eve", Class::User), Mode::Live, None).await.unwrap();
    let answer = world.client.get(world.url("/api/v1/limits")).bearer_auth(eve.api_key.expose_secret()).send().await;
    assert_eq!(answer.unwrap().status(), 200);
}
