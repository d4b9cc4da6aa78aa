//! A queue, webhooks on it, and receivers.

use access::{Defaults, MasterKey, Registry};
use domain::{Class, Failure, Job, JobId, JobRecord, JobState};
use egress::{Egress, EgressOptions};
use queue::{LeaseOptions, Queue, RedisOptions};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use test_support::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};
use webhooks::{Describe, Endpoint, EndpointId, NewEndpoint, Secret, WebhookOptions, Webhooks};

pub(crate) use test_support::worker_info;

pub(crate) const ADA: &str = "agt_ada";
pub(crate) const BOB: &str = "agt_bob";
pub(crate) const PREFIX: &str = "test";
const MASTER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    pub(crate) queue: Queue,
    pub(crate) webhooks: Webhooks,
}

impl World {
    /// With a schedule of half a second in total.
    pub(crate) async fn new() -> Self {
        Self::with(WebhookOptions { webhook_schedule: "0,0.1,0.2,0.2".parse().unwrap(), ..WebhookOptions::default() })
            .await
    }

    pub(crate) async fn with(options: WebhookOptions) -> Self {
        let redis = RedisServer::start();
        let (queue, webhooks) = parts(&redis.url(), options).await;
        Self { redis, queue, webhooks }
    }

    /// Runs the webhooks until the guard is dropped.
    pub(crate) fn run(&self, name: &str) -> DropGuard {
        let shutdown = CancellationToken::new();
        let (webhooks, queue, name, stop) =
            (self.webhooks.clone(), self.queue.clone(), name.to_owned(), shutdown.clone());
        tokio::spawn(async move { webhooks.run(queue, &name, describe(), stop).await });
        shutdown.drop_guard()
    }

    pub(crate) async fn add(&self, tenant: &str, receiver: &Receiver) -> (Endpoint, Secret) {
        let new: NewEndpoint = serde_json::from_value(json!({ "url": receiver.url() })).unwrap();
        self.webhooks.add(tenant, Class::Agent, new).await.unwrap()
    }

    /// Submits a job that ends in this state.
    pub(crate) async fn ended(&self, owner: &str, state: JobState) -> JobId {
        let job = job(owner);
        let (id, class) = (job.id, job.class);
        assert_ne!(class, Class::Test);
        self.queue.submit(&job.into()).await.unwrap();
        if state == JobState::Cancelled {
            self.queue.cancel(id).await.unwrap();
            return id;
        }
        let worker = self.queue.worker(worker_info(), LeaseOptions::default()).await.unwrap();
        let lease = worker.lease(1, Duration::from_secs(20)).await.unwrap().pop().unwrap();
        assert_eq!((lease.job().id, state), (id, JobState::Failed));
        let failure = Failure { code: "image_empty".to_owned(), detail: "Nothing.".to_owned(), retryable: false };
        lease.fail(&failure).await.unwrap();
        id
    }

    /// Waits until the latest delivery of an endpoint is in this state.
    pub(crate) async fn until(&self, endpoint: &EndpointId, state: webhooks::DeliveryState) -> webhooks::Delivery {
        let started = Instant::now();
        loop {
            let deliveries = self.webhooks.deliveries(ADA, endpoint, None, 10).await.unwrap();
            if let Some(delivery) = deliveries.into_iter().next().filter(|delivery| delivery.state == state) {
                return delivery;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no delivery became {state:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) async fn parts(redis: &str, options: WebhookOptions) -> (Queue, Webhooks) {
    let queue = Queue::connect(&RedisOptions::at(redis).unwrap().with_prefix(PREFIX)).await.unwrap();
    let egress = Egress::new(&EgressOptions {
        egress_allow: vec!["127.0.0.1/32".parse().unwrap()],
        egress_ports: (443..=u16::MAX).collect(),
        ..EgressOptions::default()
    });
    let master = MasterKey::from_hex(MASTER).unwrap();
    let registry = Registry::connect(redis, PREFIX, &master, Defaults::default()).await.unwrap();
    (queue, Webhooks::new(redis, PREFIX, &registry, egress.unwrap(), options).unwrap())
}

pub(crate) fn describe() -> Describe {
    Arc::new(
        |record: &JobRecord, _| json!({ "job_id": record.job.id, "status": record.state, "failure": record.failure }),
    )
}

pub(crate) fn job(owner: &str) -> Job {
    test_support::job(owner, Class::Agent)
}

/// A received message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP server that records messages.
pub(crate) struct Receiver {
    port: u16,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Receiver {
    pub(crate) async fn answering(status: &'static str) -> Self {
        Self::start(move |_| (status.to_owned(), Duration::ZERO)).await
    }

    /// `answer` gets the number of the message, from 0, and returns the status line and a delay.
    pub(crate) async fn start(answer: impl Fn(usize) -> (String, Duration) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let receiver = Self { port: listener.local_addr().unwrap().port(), messages: Arc::default() };
        let (messages, answer) = (receiver.messages.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (messages, answer) = (messages.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let message = loop {
                        if let Some(message) = whole(&bytes) {
                            break message;
                        }
                        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                            return;
                        }
                    };
                    let number = {
                        let mut messages = messages.lock().unwrap();
                        messages.push(message);
                        messages.len() - 1
                    };
                    let (status, after) = answer(number);
                    sleep(after).await;
                    let _ =
                        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
                });
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook?of=ada", self.port)
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// Waits for `count` messages.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Message> {
        let started = Instant::now();
        while self.messages().len() < count {
            assert!(started.elapsed() < Duration::from_secs(60), "{} of {count} messages came", self.messages().len());
            sleep(Duration::from_millis(20)).await;
        }
        self.messages()
    }
}

fn whole(bytes: &[u8]) -> Option<Message> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let headers = head.lines().skip(1).map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_lowercase(), value.to_owned())
    });
    let headers: HashMap<_, _> = headers.collect();
    let body = &bytes[end + 4..];
    let length: usize = headers.get("content-length")?.parse().unwrap();
    (body.len() >= length).then(|| Message { headers, body: String::from_utf8(body.to_vec()).unwrap() })
}
