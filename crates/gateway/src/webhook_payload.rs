//! The payload of webhooks.

use domain::{Class, JobRecord};
use http_api::{ApiSurface, Links};
use queue::Queue;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use webhooks::{Describe, Webhooks};

/// Delivers webhooks until `shutdown`.
pub(crate) async fn run(webhooks: Webhooks, queue: Queue, shutdown: CancellationToken) {
    let mut name = [0; 8];
    if SystemRandom::new().fill(&mut name).is_err() {
        tracing::error!("the system provides no random bytes: this gateway delivers no webhooks");
        return;
    }
    let name = format!("gateway-{:016x}", u64::from_ne_bytes(name));
    let describe: Describe = Arc::new(describe);
    webhooks.run(queue, &name, describe, shutdown).await;
}

fn describe(record: &JobRecord, class: Class) -> Value {
    let job = &record.job;
    let api = if class == Class::Agent { ApiSurface::Agent } else { ApiSurface::User };
    let mut data = json!({ "job_id": job.id, "status": record.state, "links": Links::of(api, job.id) });
    let optional = [
        ("batch_id", job.batch.map(|batch| json!(batch))),
        ("failure", record.failure.as_ref().map(|failure| json!(failure))),
        // The job was simulated.
        ("test", (job.class == Class::Test).then_some(Value::Bool(true))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            data[name] = value;
        }
    }
    data
}
