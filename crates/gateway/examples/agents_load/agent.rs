//! One agent: it sends signed requests and records the responses.

use crate::house::{House, Secrets};
use reqwest::Client;
use signatures::{BodyDigest, Request, Signer, agent};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PATH: &str = "/api/agent/generate-3d";
/// The time between requests of a greedy agent.
const IMPATIENCE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stays below its limit.
    Steady,
    /// Sends more than its limit.
    Greedy,
}

pub(crate) struct Agent {
    kind: Kind,
    number: u32,
    pace: Duration,
    secrets: Secrets,
    addresses: Vec<String>,
    picture: Arc<str>,
    client: Client,
}

/// A response to an agent.
pub(crate) struct Log {
    pub(crate) kind: Kind,
    pub(crate) answers: Vec<Answer>,
}

pub(crate) struct Answer {
    pub(crate) sent: Instant,
    pub(crate) took: Duration,
    /// The status; 0 if there was no response.
    pub(crate) status: u16,
    /// The problem's code, or what is wrong with the answer; empty when it is what it should be.
    pub(crate) code: String,
    pub(crate) retry_after: Option<u64>,
}

impl Agent {
    pub(crate) async fn new(house: &House, kind: Kind, number: u32, per_minute: u32, picture: Arc<str>) -> Self {
        // A third of a percent below the limit: answers do not take equally long, so neither are the requests equally
        // far apart when they are counted.
        let pace = Duration::from_secs_f64(60.2 / f64::from(per_minute));
        Self {
            kind,
            number,
            pace: if kind == Kind::Steady { pace } else { IMPATIENCE },
            secrets: house.register(&format!("agent-{number}")).await,
            addresses: house.addresses.clone(),
            picture,
            client: Client::builder().timeout(Duration::from_secs(30)).build().unwrap(),
        }
    }

    /// Sends requests until `end`.
    pub(crate) async fn ask(self, begun: Instant, end: Instant) -> Log {
        // Agents start at different times.
        let offset = self.pace.mul_f64(f64::from(self.number % 97) / 97.0);
        let mut answers = Vec::new();
        for turn in 0_u32.. {
            let due = begun + offset + self.pace * turn;
            if due >= end {
                break;
            }
            tokio::time::sleep_until(due.into()).await;
            answers.push(self.generate(turn).await);
        }
        Log { kind: self.kind, answers }
    }

    async fn generate(&self, turn: u32) -> Answer {
        let address = &self.addresses[(turn as usize + self.number as usize) % self.addresses.len()];
        // Each with a seed of its own, so that none is answered from the cache.
        let seed = u64::from(self.number) << 32 | u64::from(turn);
        let body = format!("{{\"image\":\"{}\",\"seed\":{seed}}}", self.picture);
        let sent = Instant::now();
        let headers = self.sign(address, turn, body.as_bytes());
        let request = self.client.post(format!("http://{address}{PATH}")).header("content-type", "application/json");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let (status, code, retry_after) = match request.body(body).send().await {
            Ok(response) => judge(response).await,
            Err(error) => (0, error.to_string(), None),
        };
        Answer { sent, took: sent.elapsed(), status, code, retry_after }
    }

    fn sign(&self, address: &str, turn: u32, body: &[u8]) -> Vec<(&'static str, String)> {
        let headers = |name: &str| match name {
            "content-type" => vec![b"application/json".as_slice()],
            _ => Vec::new(),
        };
        let request =
            Request { method: "POST", scheme: "http", authority: address, path: PATH, query: None, headers: &headers };
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let nonce = format!("agent-{:06}-{turn:010}", self.number);
        let (key, secret) = (&self.secrets.key, self.secrets.secret.as_bytes());
        agent::sign(&request, &Signer { key, secret, created, nonce: &nonce }, &BodyDigest::of(body)).unwrap()
    }
}

/// Status, what is wrong, and how long to wait.
async fn judge(response: reqwest::Response) -> (u16, String, Option<u64>) {
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after = header("retry-after").and_then(|text| text.parse().ok());
    let (limit, policy) = (header("ratelimit"), header("ratelimit-policy"));
    let Ok(body) = response.json::<serde_json::Value>().await else {
        return (status, "the body is no JSON".to_owned(), retry_after);
    };
    let code = match status {
        202 if body["job_id"].is_null() => "no job_id".to_owned(),
        202 | 429 if limit.is_none() || policy.is_none() => "no RateLimit headers".to_owned(),
        202 => String::new(),
        429 if retry_after.is_none() => "no Retry-After".to_owned(),
        _ => body["code"].as_str().unwrap_or("no code").to_owned(),
    };
    (status, code, retry_after)
}
