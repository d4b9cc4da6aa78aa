//! Rate limits, daily quotas and nonces, kept in Redis and shared by all gateways.
//!
//! # Windows
//! Each key has a *sliding log* per [`Operation`](crate::Operation): the times of the requests admitted within the last
//! 60 s. A request is admitted if the log has fewer entries than the limit. The limit therefore holds in every span of
//! 60 s, and a request that has room is never refused, measured by Redis's clock. Counters per second would be smaller
//! for large limits but release room up to a second late. An entry takes 6 bytes (0.8 KB for 100 requests), and the log
//! tells to the millisecond when there is room again.
//!
//! A refused request leaves no entry, so a client that retries too early is admitted as soon as the oldest entry expires.
//!
//! A batch counts as one batch request when it arrives, and each of its jobs counts as a generate request when it is
//! [charged](Limiter::charge). Batches save requests; they do not raise the limit.
//!
//! # Daily quotas
//! Jobs and megapixels of a tenant are counted per UTC day: two numbers with one well-known reset time. A sliding 24 h
//! window would need per-hour counters and has no single reset time to report; the limits on active jobs prevent a
//! second day's worth of work right after midnight. A charge is all or nothing, and is refunded unless it is
//! [kept](Receipt::keep).
//!
//! # Nonces
//! A nonce is accepted once per key. It is stored as 64 bits of its SHA-256 in a set for the key and the minute of
//! signing; a replay states the same minute, so one lookup suffices. The set expires when no request of that minute can
//! be fresh. Redis packs sets of up to 512 such numbers into 8 bytes per nonce. (Two nonces of a key collide with a
//! probability of about 500 in 2^64; the client then gets an error and signs anew.) Only admitted requests store a nonce,
//! so the windows bound the memory: a key with the standard limits can make Redis keep about 50 KB for 11 minutes.
//!
//! A refused request stores no nonce, so the same request may be sent again when there is room. Nonces survive a restart
//! of Redis as far as its append-only file does: with `appendfsync everysec`, requests of the last second before a power
//! failure could be replayed.
//!
//! The gateway checks that a signature is fresh by its own clock, and the script again by Redis's clock with a tolerance
//! of [`SLACK`]. A gateway whose clock is off by more admits nothing, rather than requests whose nonces have expired.
//!
//! # Redis without writes
//! While Redis refuses writes (full disk or memory, a replica, too few replicas), [`Operation::Query`](crate::Operation::Query) is
//! still admitted: stored nonces and windows are checked, nothing is counted. See [`Limiter::admit`].
//!
//! # Cost
//! One round trip per [`admit`](Limiter::admit), [`charge`](Limiter::charge) and [`view`](Limiter::view). In Redis
//! commands, including those in scripts: admit 6 for a bearer key and 8 for a signed request (2 without limits), charge
//! 4. Calls are not repeated when their answer is lost, because they would count twice; the client gets a retryable
//! error. `tests/it/limits_cost.rs` holds these figures, and `docs/benchmarks/access.md` has timings.
//!
//! | key | type | content |
//! | --- | --- | --- |
//! | `window:<key>:<operation>` | list | times of admission, newest first; see `scripts/prelude.lua` |
//! | `nonces:<key>:<minute>` | set | nonces of requests signed in that minute |
//! | `day:<tenant>` | hash | `day` (days since 1970), `jobs`, `pixels`; expires at midnight |

mod charge;
mod limiter;
mod nonce;
mod rate_limit;
mod refused;
mod view;

pub use charge::{Receipt, Work};
pub use limiter::Limiter;
pub use nonce::{Nonce, SLACK};
pub use rate_limit::{Policy, RateLimitStatus, retry_after_seconds};
pub use refused::{Quota, Refused};
pub use view::{Allowance, LimitsView, Requests};
