//! Endpoints and their deliveries, as their owners see them.

use crate::delivery::{Delivery, DeliveryId};
use crate::endpoint::{Endpoint, EndpointId, Event, Kept, KeptSecret, NewEndpoint};
use crate::secret::Secret;
use crate::store::Store;
use crate::{Error, WebhookOptions};
use access::{Registry, Sealer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use egress::{Egress, Refused};
use std::collections::HashMap;
use std::sync::Arc;

/// Endpoints of one tenant; as in `prelude.lua`.
const MOST_ENDPOINTS: u32 = 5;
/// Times that a change is tried when others change the same endpoint.
const TRIES: usize = 8;

/// All endpoints and their deliveries. Clones share one connection.
#[derive(Clone)]
pub struct Webhooks(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Store,
    sealer: Sealer,
    pub(crate) egress: Egress,
    pub(crate) options: WebhookOptions,
}

impl Webhooks {
    /// Opens them in the Redis at `redis_url`, under keys that begin with `prefix`. Their secrets are sealed as those of
    /// `registry` are.
    ///
    /// # Errors
    /// [`Error::Redis`] when the URL is none.
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

    /// Adds an endpoint of a tenant, and returns the secret that its messages are signed with, which nobody gets to see
    /// again.
    ///
    /// # Errors
    /// [`Error::Url`] or [`Error::TooMany`].
    pub async fn add(&self, tenant: &str, new: NewEndpoint) -> Result<(Endpoint, Secret), Error> {
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
            return Err(Error::Url(Refused::Url("An endpoint must be told of one event at least.")));
        }
        let (_, now) = self.kept(tenant).await?;
        let endpoint = Endpoint { id, url, events, created_ms: now, disabled: None };
        let secrets = vec![self.seal(&secret, &endpoint.id)?];
        match self.put(tenant, &Kept { endpoint: endpoint.clone(), secrets }, None).await? {
            Put::Done => Ok((endpoint, secret)),
            Put::Full | Put::Changed => Err(Error::TooMany { most: MOST_ENDPOINTS }),
        }
    }

    /// The endpoints of a tenant, the oldest first.
    ///
    /// # Errors
    /// Redis.
    pub async fn list(&self, tenant: &str) -> Result<Vec<Endpoint>, Error> {
        let (kept, _) = self.kept(tenant).await?;
        let mut endpoints: Vec<_> = kept.into_iter().map(|(kept, _)| kept.endpoint).collect();
        endpoints.sort_by(|a, b| (a.created_ms, a.id.as_str()).cmp(&(b.created_ms, b.id.as_str())));
        Ok(endpoints)
    }

    /// Removes an endpoint, and what is still to be told to it.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn remove(&self, tenant: &str, endpoint: &EndpointId) -> Result<(), Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.remove_endpoint);
        let was: bool = self.0.store.run(call.arg(tenant).arg(endpoint.as_str())).await?;
        if was { Ok(()) } else { Err(Error::UnknownEndpoint) }
    }

    /// Gives an endpoint a new secret. The one before it signs as well for a while; one before that no more.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn rotate(&self, tenant: &str, endpoint: &EndpointId) -> Result<Secret, Error> {
        let secret = Secret::random().map_err(Error::Secret)?;
        let overlap = self.0.options.webhook_secret_overlap_seconds.saturating_mul(1000);
        self.change(tenant, endpoint, |kept, now| {
            kept.secrets.truncate(1);
            if let Some(old) = kept.secrets.first_mut() {
                old.until_ms = Some(now.saturating_add(overlap));
            }
            kept.secrets.insert(0, self.seal(&secret, endpoint)?);
            Ok(())
        })
        .await?;
        Ok(secret)
    }

    /// Calls a disabled endpoint again from now on.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`].
    pub async fn enable(&self, tenant: &str, endpoint: &EndpointId) -> Result<Endpoint, Error> {
        let change = |kept: &mut Kept, _| {
            kept.endpoint.disabled = None;
            Ok(())
        };
        self.change(tenant, endpoint, change).await
    }

    /// Up to `limit` deliveries of an endpoint, the latest first; those before `before`, if it is given.
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

    /// Tries a delivery again, at once and from the beginning of the schedule, whatever has become of it.
    ///
    /// # Errors
    /// [`Error::UnknownDelivery`].
    pub async fn replay(&self, tenant: &str, endpoint: &EndpointId, delivery: &DeliveryId) -> Result<(), Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.replay);
        let is: bool = self.0.store.run(call.arg(tenant).arg(endpoint.as_str()).arg(delivery.as_str())).await?;
        if is { Ok(()) } else { Err(Error::UnknownDelivery) }
    }

    /// Disables an endpoint that does not want to be called any more.
    pub(crate) async fn disable(&self, tenant: &str, endpoint: &EndpointId, why: &str) -> Result<(), Error> {
        let change = |kept: &mut Kept, _| {
            kept.endpoint.disabled = Some(why.to_owned());
            Ok(())
        };
        self.change(tenant, endpoint, change).await.map(drop)
    }

    /// The endpoints of a tenant with their JSON, and the time.
    pub(crate) async fn kept(&self, tenant: &str) -> Result<(Vec<(Kept, String)>, u64), Error> {
        let mut call = self.0.store.call(&self.0.store.scripts.endpoints);
        let (texts, now): (Vec<String>, u64) = self.0.store.run(call.arg(tenant)).await?;
        let kept = texts.into_iter().map(|text| match serde_json::from_str(&text) {
            Ok(kept) => Ok((kept, text)),
            Err(_) => Err(Error::Corrupt("an endpoint")),
        });
        Ok((kept.collect::<Result<_, _>>()?, now))
    }

    /// The secrets that sign for an endpoint now.
    pub(crate) fn open(&self, kept: &Kept, now: u64) -> Result<Vec<Secret>, Error> {
        let live = kept.secrets.iter().filter(|secret| secret.until_ms.is_none_or(|until| now < until));
        let open = |kept_secret: &KeptSecret| {
            let sealed = STANDARD.decode(&kept_secret.sealed).ok()?;
            self.0.sealer.open(&sealed, kept.endpoint.id.as_str()).map(Secret::of)
        };
        live.map(|secret| open(secret).ok_or(Error::Corrupt("a secret"))).collect()
    }

    fn seal(&self, secret: &Secret, endpoint: &EndpointId) -> Result<KeptSecret, Error> {
        let sealed = self.0.sealer.seal(secret.expose(), endpoint.as_str()).map_err(Error::Secret)?;
        Ok(KeptSecret { sealed: STANDARD.encode(sealed), until_ms: None })
    }

    /// Changes an endpoint, again if somebody else did so meanwhile.
    async fn change(
        &self,
        tenant: &str,
        endpoint: &EndpointId,
        change: impl Fn(&mut Kept, u64) -> Result<(), Error>,
    ) -> Result<Endpoint, Error> {
        for _ in 0..TRIES {
            let (all, now) = self.kept(tenant).await?;
            let is = all.into_iter().find(|(kept, _)| kept.endpoint.id == *endpoint);
            let (mut kept, text) = is.ok_or(Error::UnknownEndpoint)?;
            change(&mut kept, now)?;
            if let Put::Done = self.put(tenant, &kept, Some(text)).await? {
                return Ok(kept.endpoint);
            }
        }
        Err(Error::Unavailable("the endpoint is being changed by somebody else".into()))
    }

    async fn put(&self, tenant: &str, kept: &Kept, was: Option<String>) -> Result<Put, Error> {
        let text = serde_json::to_string(kept).map_err(|_| Error::Corrupt("an endpoint"))?;
        let mut call = self.0.store.call(&self.0.store.scripts.put_endpoint);
        call.arg(tenant).arg(kept.endpoint.id.as_str()).arg(text).arg(was.unwrap_or_default());
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
    /// Puts the news of an ended job before each endpoint that wants to know. A second time changes nothing.
    pub(crate) async fn enqueue(
        &self,
        tenant: &str,
        ended: &queue::DomainEvent,
        event: Event,
        body: &str,
    ) -> Result<(), Error> {
        let wait = self.0.options.webhook_schedule.before(1).unwrap_or_default();
        for (Kept { endpoint, .. }, _) in self.kept(tenant).await?.0 {
            if endpoint.disabled.is_some() || !endpoint.events.contains(&event) {
                continue;
            }
            let id = DeliveryId::of(&endpoint.id, ended.job, ended.state);
            let mut call = self.0.store.call(&self.0.store.scripts.enqueue);
            call.arg(tenant).arg(endpoint.id.as_str()).arg(id.as_str()).arg(event.as_str()).arg(body);
            self.0.store.run::<bool>(call.arg(wait.as_millis() as u64)).await?;
        }
        Ok(())
    }
}
