//! Endpoints and their deliveries, for their owners.

use crate::delivery::Delivery;
use crate::endpoint::{Endpoint, Event, NewEndpoint, Stored, StoredSecret};
use crate::id::{DeliveryId, EndpointId};
use crate::secret::Secret;
use crate::store::Store;
use crate::{Describe, Error, WebhookOptions};
use access::{Registry, Sealer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use egress::{Egress, Refused};
use queue::Queue;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Endpoints of one tenant, as in `prelude.lua`.
const MAX_ENDPOINTS: u32 = 5;
/// Attempts to change an endpoint that is being changed concurrently.
const ATTEMPTS: usize = 8;

/// The webhooks of all tenants. Clones share one connection.
#[derive(Clone)]
pub struct Webhooks(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    sealer: Sealer,
    pub(crate) egress: Egress,
    pub(crate) options: WebhookOptions,
}

impl Webhooks {
    /// Webhooks in the Redis at `redis_url`, under keys that begin with `prefix`. Secrets are sealed under the root key of
    /// `registry`.
    ///
    /// # Errors
    /// [`Error::Redis`] if `redis_url` is not the URL of a Redis server.
    pub fn new(
        redis_url: &str,
        prefix: &str,
        registry: &Registry,
        egress: Egress,
        options: WebhookOptions,
    ) -> Result<Self, Error> {
        let (store, sealer) = (Store::new(redis_url, prefix)?, registry.sealer("webhooks"));
        Ok(Self(Arc::new(Inner { store, sealer, egress, options })))
    }

    /// Delivers events to endpoints until `shutdown`, then finishes the calls under way. `name` must be unique among the
    /// processes that do this.
    pub async fn run(&self, queue: Queue, name: &str, describe: Describe, shutdown: CancellationToken) {
        tokio::join!(self.feed(&queue, name, &describe, &shutdown), self.deliver(&shutdown));
    }

    /// Adds an endpoint of a tenant of a class. Returns the secret that signs its messages; it cannot be retrieved later.
    ///
    /// # Errors
    /// [`Error::Url`] or [`Error::TooMany`].
    pub async fn add(&self, tenant: &str, class: Class, new: NewEndpoint) -> Result<(Endpoint, Secret), Error> {
        let url = self.0.egress.target(&new.url).map_err(Error::Url)?.to_string();
        let (id, secret) = (EndpointId::random()?, Secret::random().map_err(Error::Secret)?);
        let mut events = new.events;
        let mut seen = Vec::new();
        events.retain(|event| {
            !seen.contains(event) && {
                seen.push(*event);
                true
            }
        });
        if events.is_empty() {
            return Err(Error::Url(Refused::Url("An endpoint must subscribe to at least one event.")));
        }
        let (_, now) = self.stored(tenant).await?;
        let endpoint = Endpoint { id, url, events, created_ms: now, disabled: None };
        let secrets = vec![self.seal(&secret, &endpoint.id)?];
        match self.put(tenant, &Stored { endpoint: endpoint.clone(), class: Some(class), secrets }, None).await? {
            Put::Done => Ok((endpoint, secret)),
            Put::Full | Put::Changed => Err(Error::TooMany { max: MAX_ENDPOINTS }),
        }
    }

    /// The endpoints of a tenant, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self, tenant: &str) -> Result<Vec<Endpoint>, Error> {
        let (stored, _) = self.stored(tenant).await?;
        let mut endpoints: Vec<_> = stored.into_iter().map(|(stored, _)| stored.endpoint).collect();
        endpoints.sort_by(|a, b| (a.created_ms, a.id.as_str()).cmp(&(b.created_ms, b.id.as_str())));
        Ok(endpoints)
    }

    /// Removes an endpoint with its deliveries.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn remove(&self, tenant: &str, endpoint: &EndpointId) -> Result<(), Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.remove_endpoint);
        let existed: bool = self.0.store.run(call.arg(tenant).arg(endpoint.as_str())).await?;
        if existed { Ok(()) } else { Err(Error::UnknownEndpoint) }
    }

    /// Gives an endpoint a new secret. The previous one still signs for a while; older ones do not.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn rotate(&self, tenant: &str, endpoint: &EndpointId) -> Result<Secret, Error> {
        let secret = Secret::random().map_err(Error::Secret)?;
        let overlap = self.0.options.webhook_secret_overlap_seconds.saturating_mul(1000);
        self.change(tenant, endpoint, |stored, now| {
            stored.secrets.truncate(1);
            if let Some(old) = stored.secrets.first_mut() {
                old.until_ms = Some(now.saturating_add(overlap));
            }
            stored.secrets.insert(0, self.seal(&secret, endpoint)?);
            Ok(())
        })
        .await?;
        Ok(secret)
    }

    /// Enables a disabled endpoint.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn enable(&self, tenant: &str, endpoint: &EndpointId) -> Result<Endpoint, Error> {
        let change = |stored: &mut Stored, _| {
            stored.endpoint.disabled = None;
            Ok(())
        };
        self.change(tenant, endpoint, change).await
    }

    /// Up to `limit` deliveries of an endpoint, latest first, starting after `before` if given.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn deliveries(
        &self,
        tenant: &str,
        endpoint: &EndpointId,
        before: Option<&DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>, Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.list);
        call.arg(tenant).arg(endpoint.as_str()).arg(limit).arg(before.map_or("", DeliveryId::as_str));
        let found: Option<Vec<(String, HashMap<String, String>)>> = self.0.store.run(&call).await?;
        let found = found.ok_or(Error::UnknownEndpoint)?;
        found.into_iter().map(|(id, fields)| Delivery::read(id.parse()?, &fields)).collect()
    }

    /// Attempts a delivery again, at once and from the start of the schedule, whatever its state.
    ///
    /// # Errors
    /// [`Error::UnknownDelivery`].
    pub async fn replay(&self, tenant: &str, endpoint: &EndpointId, delivery: &DeliveryId) -> Result<(), Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.replay);
        let exists: bool = self.0.store.run(call.arg(tenant).arg(endpoint.as_str()).arg(delivery.as_str())).await?;
        if exists { Ok(()) } else { Err(Error::UnknownDelivery) }
    }

    /// Disables an endpoint.
    pub(crate) async fn disable(&self, tenant: &str, endpoint: &EndpointId, reason: &str) -> Result<(), Error> {
        let change = |stored: &mut Stored, _| {
            stored.endpoint.disabled = Some(reason.to_owned());
            Ok(())
        };
        self.change(tenant, endpoint, change).await.map(drop)
    }

    /// The endpoints of a tenant with their JSON, and the time. An unreadable endpoint is left out.
    pub(crate) async fn stored(&self, tenant: &str) -> Result<(Vec<(Stored, String)>, u64), Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.endpoints);
        let (texts, now): (Vec<String>, u64) = self.0.store.run(call.arg(tenant)).await?;
        let stored = texts.into_iter().filter_map(|text| match serde_json::from_str(&text) {
            Ok(stored) => Some((stored, text)),
            Err(error) => {
                tracing::error!(tenant, %error, "an endpoint in Redis is unreadable");
                None
            }
        });
        Ok((stored.collect(), now))
    }

    /// The valid secrets of an endpoint.
    pub(crate) fn open(&self, stored: &Stored, now: u64) -> Result<Vec<Secret>, Error> {
        let valid = stored.secrets.iter().filter(|secret| secret.until_ms.is_none_or(|until| now < until));
        let open = |secret: &StoredSecret| {
            let sealed = STANDARD.decode(&secret.sealed).ok()?;
            self.0.sealer.open(&sealed, stored.endpoint.id.as_str()).map(Secret::of)
        };
        valid.map(|secret| open(secret).ok_or(Error::Corrupt("a secret"))).collect()
    }

    fn seal(&self, secret: &Secret, endpoint: &EndpointId) -> Result<StoredSecret, Error> {
        let sealed = self.0.sealer.seal(secret.expose(), endpoint.as_str()).map_err(Error::Secret)?;
        Ok(StoredSecret { sealed: STANDARD.encode(sealed), until_ms: None })
    }

    /// Changes an endpoint, and tries again if it was changed concurrently.
    async fn change(
        &self,
        tenant: &str,
        endpoint: &EndpointId,
        change: impl Fn(&mut Stored, u64) -> Result<(), Error>,
    ) -> Result<Endpoint, Error> {
        for _ in 0..ATTEMPTS {
            let (all, now) = self.stored(tenant).await?;
            let found = all.into_iter().find(|(stored, _)| stored.endpoint.id == *endpoint);
            let (mut stored, text) = found.ok_or(Error::UnknownEndpoint)?;
            change(&mut stored, now)?;
            if let Put::Done = self.put(tenant, &stored, Some(text)).await? {
                return Ok(stored.endpoint);
            }
        }
        Err(Error::Unavailable("the endpoint is being changed concurrently".into()))
    }

    async fn put(&self, tenant: &str, stored: &Stored, before: Option<String>) -> Result<Put, Error> {
        let text = serde_json::to_string(stored).map_err(|_| Error::Corrupt("an endpoint"))?;
        let mut call = self.0.store.call(&self.0.store.scripts.put_endpoint);
        call.arg(tenant).arg(stored.endpoint.id.as_str()).arg(text).arg(before.unwrap_or_default());
        Ok(match self.0.store.run::<i64>(&call).await? {
            1 => Put::Done,
            0 => Put::Full,
            _ => Put::Changed,
        })
    }
}

enum Put {
    Done,
    Full,
    Changed,
}

impl Webhooks {
    /// Stores the delivery of an event to an endpoint. A repeated call has no effect.
    pub(crate) async fn enqueue(
        &self,
        tenant: &str,
        endpoint: &EndpointId,
        event_id: &str,
        event: Event,
        body: &str,
    ) -> Result<(), Error> {
        let wait = self.0.options.webhook_schedule.before(1).unwrap_or_default();
        let id = DeliveryId::of(endpoint, event_id);
        let mut call = self.0.store.call(&self.0.store.scripts.enqueue);
        call.arg(tenant).arg(endpoint.as_str()).arg(id.as_str()).arg(event.as_str()).arg(body);
        self.0.store.run::<bool>(call.arg(wait.as_millis() as u64)).await.map(drop)
    }
}
