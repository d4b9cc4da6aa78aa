//! One attempt at one delivery.

use crate::delivery::Attempt;
use crate::endpoint::Stored;
use crate::id::EndpointId;
use crate::{Error, Webhooks, sign};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::time::{Duration, Instant};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

/// A claimed delivery.
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) token: u64,
    /// Attempts before this one.
    pub(crate) attempts: u32,
    pub(crate) tenant: String,
    pub(crate) endpoint: String,
    pub(crate) body: String,
    /// Whether the endpoint's latest attempt succeeded.
    pub(crate) is_proven: bool,
}

/// The state of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    Failed,
    /// Retried after this time.
    Pending(Duration),
}

impl Webhooks {
    /// Calls the endpoint once. Returns the delivery's new state and a log entry.
    pub(crate) async fn attempt(&self, claim: &Claim) -> Result<(Outcome, Attempt), Error> {
        let (all, now) = self.stored(&claim.tenant).await?;
        let stored = all.into_iter().map(|(stored, _)| stored).find(|one| one.endpoint.id.as_str() == claim.endpoint);
        let started = Instant::now();
        let attempt = |status, error: Option<String>| Attempt {
            at_ms: now,
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            status,
            error,
        };
        let stored = match stored {
            Some(stored) if stored.endpoint.disabled.is_none() => stored,
            _ => return Ok((Outcome::Failed, attempt(None, Some("The endpoint is disabled.".to_owned())))),
        };
        let headers = self.headers(claim, &stored, now)?;
        let body = Bytes::from(claim.body.clone());
        let answer = self.0.egress.post(&stored.endpoint.url, headers, body, 0, self.0.options.timeout()).await;
        let (outcome, attempt) = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                (Outcome::Delivered, attempt(Some(answer.status), None))
            }
            Ok(answer) if answer.status == 410 => {
                self.disable(&claim.tenant, &claim.endpoint.parse::<EndpointId>()?, "gone").await?;
                (Outcome::Failed, attempt(Some(answer.status), None))
            }
            Ok(answer) => (self.retry(claim, answer.retry_after), attempt(Some(answer.status), None)),
            Err(refused) => (self.retry(claim, None), attempt(None, Some(refused.to_string()))),
        };
        Ok((outcome, attempt))
    }

    /// Schedules the next attempt, not before `retry_after`.
    fn retry(&self, claim: &Claim, retry_after: Option<Duration>) -> Outcome {
        match self.0.options.webhook_schedule.before(claim.attempts + 2) {
            Some(wait) => Outcome::Pending(wait.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))),
            None => Outcome::Failed,
        }
    }

    fn headers(&self, claim: &Claim, stored: &Stored, now: u64) -> Result<HeaderMap, Error> {
        let timestamp = now / 1000;
        let signature = sign(&self.open(stored, now)?, &claim.id, timestamp, claim.body.as_bytes());
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Error::Corrupt("a delivery"));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ID, value(&claim.id)?);
        headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
        headers.insert(SIGNATURE, value(&signature)?);
        Ok(headers)
    }
}
