//! Telling tenants that their jobs have ended, by calling them (Standard Webhooks).
//!
//! A tenant has up to five endpoints ([`Endpoint`]). When one of its jobs ends, each endpoint that wants to know gets a
//! delivery: a small JSON body, signed with a secret that only the tenant and this crate know.
//!
//! ```text
//! webhook-id: msg_…                     the same for every attempt
//! webhook-timestamp: 1795240000         of this attempt
//! webhook-signature: v1,… v1,…          HMAC-SHA256 over "id.timestamp.body"; two while a secret is being rotated
//! ```
//!
//! * **Nothing is lost.** The queue hands out each end until it is confirmed, and it is confirmed when its deliveries
//!   are in Redis. Their ids are derived, so a second time changes nothing.
//! * **Several gateways share the work.** Who takes a delivery leases it; what a gateway that died had taken is taken by
//!   another when the lease is over. So a receiver may get the same message twice, and tells by its id.
//! * **Patience.** Anything but a 2xx is tried again, by a schedule of more than a day. `Retry-After` is honoured; 410
//!   disables the endpoint. Every attempt is kept for a week, and can be replayed.
//! * **The way out** is `egress`: an endpoint inside is refused.
//!
//! | key | type | what it is |
//! | --- | --- | --- |
//! | `endpoints:<tenant>` | hash | endpoint id to its JSON; secrets are sealed |
//! | `delivery:<id>` | hash | `tenant`, `endpoint`, `event`, `body`, `state`, `attempt`, `created`, `next`, `log` |
//! | `deliveries:<endpoint>` | sorted set | its deliveries by the time of their making |
//! | `due` | sorted set | deliveries by the time of their next attempt, or of the end of their lease |
//!
//! All begin with a prefix and the hash tag `{webhooks}`. All times are those of the clock of Redis.

mod delivery;
mod endpoint;
mod error;
mod options;
mod post;
mod run;
mod secret;
mod store;
mod webhooks;

pub use delivery::{Attempt, Delivery, DeliveryId, DeliveryState};
pub use endpoint::{Endpoint, EndpointId, Event, NewEndpoint};
pub use error::Error;
pub use options::{InvalidSchedule, Schedule, WebhookOptions};
pub use run::Describe;
pub use secret::{Secret, sign};
pub use webhooks::Webhooks;
