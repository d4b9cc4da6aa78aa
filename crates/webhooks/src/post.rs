//! One attempt at one delivery.

use crate::delivery::Attempt;
use crate::endpoint::{EndpointId, Kept};
use crate::{Error, Webhooks, sign};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::time::{Duration, Instant};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// No endpoint may put off the next attempt for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// A delivery that was taken.
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) token: u64,
    /// Attempts before this one.
    pub(crate) attempts: u32,
    pub(crate) tenant: String,
    pub(crate) endpoint: String,
    pub(crate) body: String,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    Failed,
    /// To be tried again after this time.
    Pending(Duration),
}

impl Webhooks {
    /// Calls the endpoint once, and returns how it went and what becomes of the delivery.
    pub(crate) async fn attempt(&self, claim: &Claim) -> Result<(Fate, Attempt), Error> {
        let (all, now) = self.kept(&claim.tenant).await?;
        let kept = all.into_iter().map(|(kept, _)| kept).find(|kept| kept.endpoint.id.as_str() == claim.endpoint);
        let begun = Instant::now();
        let attempt = |status, error: Option<String>| Attempt {
            at_ms: now,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            status,
            error,
        };
        let kept = match kept {
            Some(kept) if kept.endpoint.disabled.is_none() => kept,
            _ => return Ok((Fate::Failed, attempt(None, Some("The endpoint is disabled.".to_owned())))),
        };
        let headers = self.headers(claim, &kept, now)?;
        let body = Bytes::from(claim.body.clone());
        let answer = self.0.egress.post(&kept.endpoint.url, headers, body, 0, self.0.options.timeout()).await;
        let (fate, attempt) = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => (Fate::Delivered, attempt(Some(answer.status), None)),
            Ok(answer) if answer.status == 410 => {
                self.disable(&claim.tenant, &claim.endpoint.parse::<EndpointId>()?, "gone").await?;
                (Fate::Failed, attempt(Some(answer.status), None))
            }
            Ok(answer) => (self.later(claim, answer.retry_after), attempt(Some(answer.status), None)),
            Err(refused) => (self.later(claim, None), attempt(None, Some(refused.to_string()))),
        };
        Ok((fate, attempt))
    }

    /// The next attempt by the schedule, or when the endpoint wants it, whichever is later.
    fn later(&self, claim: &Claim, asked: Option<Duration>) -> Fate {
        match self.0.options.webhook_schedule.before(claim.attempts + 2) {
            Some(wait) => Fate::Pending(wait.max(asked.unwrap_or_default().min(LONGEST_WAIT))),
            None => Fate::Failed,
        }
    }

    fn headers(&self, claim: &Claim, kept: &Kept, now: u64) -> Result<HeaderMap, Error> {
        let timestamp = now / 1000;
        let signature = sign(&self.open(kept, now)?, &claim.id, timestamp, claim.body.as_bytes());
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Error::Corrupt("a delivery"));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ID, value(&claim.id)?);
        headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
        headers.insert(SIGNATURE, value(&signature)?);
        Ok(headers)
    }
}
