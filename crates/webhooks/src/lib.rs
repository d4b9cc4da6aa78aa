//! Webhooks: signed HTTP calls to tenants about events of their jobs (Standard Webhooks).
//!
//! A tenant has up to five endpoints ([`Endpoint`]). For each event that an endpoint subscribes to, it receives a
//! delivery: a small JSON body, signed with a secret that the tenant and this crate share.
//!
//! ```text
//! webhook-id: msg_…                     the same for every attempt
//! webhook-timestamp: 1795240000         of this attempt
//! webhook-signature: v1,… v1,…          HMAC-SHA256 over "id.timestamp.body"; two during a secret rotation
//! ```
//!
//! # From events to deliveries
//! Events come from the queue's outbox, read by the consumer group `webhooks`. An event is acknowledged when its
//! deliveries are stored. Their ids derive from endpoint and event, so an event that is read twice has one delivery. An
//! event that cannot be handled is logged and skipped.
//!
//! # From deliveries to calls
//! Several gateways share the work: a claim leases a delivery for one attempt, and a delivery whose gateway dies is due
//! again when its lease ends. A receiver may therefore get a message twice, and recognizes it by its id.
//!
//! Endpoints that do not answer must not delay others. Deliveries are queued per endpoint, and endpoints with due
//! deliveries take turns. A claim takes only what may be called at once: four calls per endpoint, eight per tenant, and a
//! single call to an endpoint whose latest attempt did not succeed or that is new. Such endpoints get at most half of all
//! calls, so silent endpoints never occupy the others' share, however many they are.
//!
//! An attempt that is not answered with 2xx is repeated by a schedule of more than a day. `Retry-After` is honoured; 410
//! disables the endpoint. URLs inside the operator's network are refused by `egress`.
//!
//! # Memory
//! Deliveries share the Redis of the queue, so they are bounded in number (1,000 per endpoint, 20,000 in total; the
//! oldest are dropped first), in log (4 KiB each), and in time (7 days after the last change): about 35 MB when full
//! with typical messages, however many tenants there are.
//!
//! | key | type | content |
//! | --- | --- | --- |
//! | `endpoints:<tenant>` | hash | endpoint id to its JSON; secrets are sealed |
//! | `delivery:<id>` | hash | `tenant`, `endpoint`, `event`, `body`, `state`, `attempt`, `token`, `created`, `next`, `log` |
//! | `deliveries:<endpoint>` | sorted set | its deliveries by time of creation |
//! | `due:<endpoint>` | sorted set | its pending deliveries by time of the next attempt, or by the end of their lease |
//! | `ready`, `unproven` | sorted set | `<tenant>/<endpoint>` by the time it is served next |
//! | `proven` | set | endpoints whose latest attempt succeeded |
//! | `kept` | sorted set | all deliveries by time of creation |
//! | `due` | sorted set | deliveries of earlier versions, moved to `due:<endpoint>` by the next claim |
//!
//! All keys start with a prefix and the hash tag `{webhooks}`. Times are those of Redis's clock.

mod attempt;
mod concurrency;
mod deliver;
mod delivery;
mod endpoint;
mod error;
mod feed;
mod id;
mod options;
mod secret;
mod store;
mod webhooks;

pub use delivery::{Attempt, Delivery, DeliveryState};
pub use endpoint::{Endpoint, Event, NewEndpoint};
pub use error::Error;
pub use feed::Describe;
pub use id::{DeliveryId, EndpointId};
pub use options::{InvalidSchedule, Schedule, WebhookOptions};
pub use secret::{Secret, sign};
pub use webhooks::Webhooks;
