//! Clients that follow the rules of docs/agents.md: an idempotency key for each job, and every answer without a result is
//! retried as `Retry-After` says.

use super::Options;
use super::installation::Installation;
use reqwest::{Method, RequestBuilder, Response, multipart};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A request is given up after this: longer than the outage of a minute that the documented rule covers.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a client saw of one of its jobs.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) key: String,
    pub(super) id: String,
    /// The last state.
    pub(super) state: String,
    pub(super) failure: Option<String>,
    pub(super) attempt: u64,
    /// Terminal events in its event stream.
    pub(super) ends: usize,
    /// `running` and `queued` events: state, attempt, milliseconds since the Unix epoch, failure code.
    pub(super) moves: Vec<(String, u64, u64, Option<String>)>,
    /// SHA-256 told in the record equals the ETag of the download, and the size fits.
    pub(super) is_whole: bool,
    /// The digest of the mesh, with what it was made from.
    pub(super) mesh: Option<(String, String)>,
    pub(super) seconds: f64,
}

/// What all clients saw.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) seen: Vec<Seen>,
    /// Requests that were given up.
    pub(super) given_up: Vec<String>,
    /// Answers that were retried, by status or kind of error.
    pub(super) retried: BTreeMap<String, usize>,
}

pub(super) struct Clients {
    tasks: TaskTracker,
    stop: CancellationToken,
    jobs: Arc<Mutex<Jobs>>,
}

impl Clients {
    pub(super) fn start(installation: &Arc<Installation>, options: &Options) -> Self {
        let (tasks, stop, jobs) = (TaskTracker::new(), CancellationToken::new(), Arc::<Mutex<Jobs>>::default());
        for number in 0..options.clients {
            let client = Client {
                http: reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap(),
                installation: Arc::clone(installation),
                jobs: Arc::clone(&jobs),
                number,
                steps: options.steps,
            };
            let stop = stop.clone();
            tasks.spawn(async move {
                let mut n = 0;
                while !stop.is_cancelled() {
                    client.job(n).await;
                    n += 1;
                }
            });
        }
        Self { tasks, stop, jobs }
    }

    /// No new jobs; those under way may take so long.
    pub(super) async fn finish(&mut self, settle: Duration) -> Jobs {
        self.stop.cancel();
        self.tasks.close();
        let in_time = tokio::time::timeout(settle, self.tasks.wait()).await;
        let mut jobs = std::mem::take(&mut *self.jobs.lock().await);
        if in_time.is_err() {
            jobs.given_up
                .push(format!("{} clients had not finished {settle:?} after the last fault", self.tasks.len()));
        }
        jobs
    }
}

struct Client {
    http: reqwest::Client,
    installation: Arc<Installation>,
    jobs: Arc<Mutex<Jobs>>,
    number: usize,
    steps: (u32, u32),
}

impl Client {
    /// Submits a job, waits for its end and looks at its result and its events.
    async fn job(&self, n: usize) {
        let start = Instant::now();
        let key = format!("chaos-{}-{n}", self.number);
        let steps = if n % 4 == 3 { self.steps.1 } else { self.steps.0 };
        let (picture, seed) = (["mug.png", "chair.png"][n % 2], n % 3);
        let made_from = format!("{picture} {seed} {steps}");
        let body = crate::picture(picture);
        let form = || {
            let part = multipart::Part::bytes(body.clone()).file_name("image.png");
            let form = multipart::Form::new().part("image", part).text("steps", steps.to_string());
            form.text("seed", seed.to_string()).text("octree_resolution", "32").text("cache", "false")
        };
        let post = |url: &str| {
            let request = self.http.request(Method::POST, format!("{url}/api/v1/generate-3d")).multipart(form());
            request.header("idempotency-key", &key)
        };
        let Some(accepted) = self.retrying("POST generate-3d", post).await else { return };
        let accepted = json(accepted).await;
        let id = accepted["job_id"].as_str().unwrap_or_default().to_owned();
        let mut seen = Seen { key, id: id.clone(), ..Seen::default() };
        let job = loop {
            let Some(answer) = self.get(&format!("/api/v1/jobs/{id}")).await else { break Value::Null };
            let job = json(answer).await;
            if matches!(job["status"].as_str(), Some("succeeded" | "failed" | "cancelled")) {
                break job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        seen.state = job["status"].as_str().unwrap_or("unknown").to_owned();
        seen.attempt = job["attempt"].as_u64().unwrap_or_default();
        seen.failure = job["failure"]["code"].as_str().map(str::to_owned);
        seen.seconds = start.elapsed().as_secs_f64();
        if let Some(events) = self.get(&format!("/api/v1/jobs/{id}/events")).await {
            let events = events.text().await.unwrap_or_default();
            // The stream begins with a snapshot of the present state; only `state` events are moves.
            for event in events.split("\n\n").filter(|event| event.lines().any(|line| line == "event: state")) {
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                note(&mut seen, &data.and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default());
            }
        }
        if seen.state == "succeeded"
            && let Some(file) = self.get(&format!("/api/v1/jobs/{id}/result")).await
        {
            let etag = file.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
            let artifact = &job["result"]["artifacts"][0];
            let digest = artifact["digest"].as_str().unwrap_or_default().to_owned();
            let bytes = file.bytes().await.map(|bytes| bytes.len() as u64).unwrap_or_default();
            seen.is_whole = etag.contains(&digest) && artifact["bytes"].as_u64() == Some(bytes);
            seen.mesh = Some((made_from, digest));
        }
        self.jobs.lock().await.seen.push(seen);
    }

    async fn get(&self, path: &str) -> Option<Response> {
        self.retrying(&format!("GET {path}"), |url| self.http.get(format!("{url}{path}"))).await
    }

    /// Sends a request until it is answered with a result, by turns to both gateways.
    async fn retrying(&self, what: &str, request: impl Fn(&str) -> RequestBuilder) -> Option<Response> {
        let begun = Instant::now();
        for attempt in 0_u32.. {
            let url = &self.installation.urls[(self.number + attempt as usize) % self.installation.urls.len()];
            let mut wait = Duration::from_secs(1 << attempt.min(3));
            let why = match request(url).bearer_auth(&self.installation.key).send().await {
                Ok(answer) if answer.status().is_success() => return Some(answer),
                Ok(answer) => {
                    let after = answer.headers().get("retry-after").and_then(|after| after.to_str().ok()?.parse().ok());
                    wait = after.map_or(wait, Duration::from_secs);
                    let status = answer.status().as_u16();
                    if !matches!(status, 408 | 429 | 502 | 503 | 504) {
                        let text = answer.text().await.unwrap_or_default();
                        self.jobs.lock().await.given_up.push(format!("{what}: {status} {text}"));
                        return None;
                    }
                    status.to_string()
                }
                Err(error) if error.is_timeout() => "timeout".to_owned(),
                Err(error) if error.is_connect() => "connection refused".to_owned(),
                Err(_) => "connection lost".to_owned(),
            };
            *self.jobs.lock().await.retried.entry(why).or_default() += 1;
            if begun.elapsed() + wait > PATIENCE {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        self.jobs.lock().await.given_up.push(format!("{what}: no result within {PATIENCE:?}"));
        None
    }
}

fn note(seen: &mut Seen, event: &Value) {
    let state = event["status"].as_str().unwrap_or_default();
    let (attempt, at) = (event["attempt"].as_u64().unwrap_or_default(), event["at_ms"].as_u64().unwrap_or_default());
    match state {
        "succeeded" | "failed" | "cancelled" => seen.ends += 1,
        _ => {
            let failure = event["failure"]["code"].as_str().map(str::to_owned);
            let is_news = seen.moves.last().is_none_or(|(last, of, ..)| (last.as_str(), *of) != (state, attempt));
            if is_news || failure.is_some() {
                seen.moves.push((state.to_owned(), attempt, at, failure));
            }
        }
    }
}

async fn json(answer: Response) -> Value {
    answer.bytes().await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}
