//! How fast and how much: windows, quotas of a day, and nonces, all in Redis, so that every gateway sees the same.
//!
//! # Windows
//! Each key has, for each [`Operation`](crate::Operation), a *sliding log*: the times of the requests that were admitted
//! in the last 60 s. A request is admitted if fewer than the limit are in it. So in no span of 60 s, wherever it begins, are there more
//! than the limit, and a request that has room is never refused: the count is exact, by Redis's clock, whatever the
//! gateways' clocks say and however many they are. A counter for each second would be smaller for large limits, but it
//! forgets up to a second late; the log costs 6 bytes for each request in the window (0.8 KB when 100 are), goes when
//! nobody asked for 60 s, and tells to the millisecond when there is room again.
//!
//! A refused request leaves no entry: whoever hammers is let in again as soon as the oldest entry leaves.
//!
//! A batch counts once among batches when it arrives, and each of its jobs counts as a generate when it is
//! [charged](Limiter::charge): sending pictures in batches saves requests, it does not raise the limit.
//!
//! # Quotas of a day
//! Jobs and megapixels of a tenant are counted by UTC day: two numbers, and everybody knows when they begin anew. A
//! window of 24 h would have to remember every hour for every tenant and would let nobody say when there is room again
//! in one number. What it would prevent, a second day's worth right after midnight, the bounds on active jobs do.
//! A charge is all or nothing, for a batch as for a job, and can be [given back](Limiter::refund).
//!
//! # Nonces
//! A nonce is accepted once for each key. It is kept as 64 bits of its SHA-256 in a set for the key and the minute in
//! which the request says that it was signed; a replay says the same minute, so one look-up is enough. The set lives for
//! as long as a request of that minute can be fresh. Sets of up to 512 such numbers are packed arrays in Redis: 8 bytes
//! for each nonce. (That two different nonces of one key look alike is as likely as 500 in 2^64; the client would get a
//! refusal and sign anew.) As only admitted requests leave a nonce, the windows bound the memory: a key with the
//! standard 100 requests a minute for each of 5 operations can make Redis keep some 50 KB, for 11 minutes.
//!
//! A refused request leaves no nonce either, so the very same request may be sent again when there is room.
//! Nonces survive a restart of Redis as far as its append-only file does: with `appendfsync everysec`, after a power cut,
//! requests of the last second could be sent twice.
//!
//! A gateway checks that a signature is fresh by its own clock. The script checks it once more by Redis's, with
//! [`SLACK`] to spare: a gateway whose clock is off by more lets nobody in, rather than let in what Redis has forgotten.
//!
//! # Cost
//! One round trip each: [`admit`](Limiter::admit), [`charge`](Limiter::charge), [`refund`](Limiter::refund),
//! [`view`](Limiter::view). Calls are not repeated when their answer gets lost, as they would count twice; the client
//! gets an error that tells it to try again. Figures are in `docs/benchmarks/access.md`, and `tests/it/limits_cost.rs`
//! holds them.
//!
//! | key | type | what it is |
//! | --- | --- | --- |
//! | `window:<key>:<operation>` | list | times of admission, newest first; see `scripts/prelude.lua` |
//! | `nonces:<key>:<minute>` | set | nonces of requests signed in that minute |
//! | `day:<tenant>` | hash | `day` (days since 1970), `jobs`, `pixels`; gone at midnight |

mod limiter;
mod nonce;
mod refused;
mod standing;
mod view;

pub use limiter::{Limiter, Receipt, Work};
pub use nonce::{Nonce, SLACK};
pub use refused::{Quota, Refused};
pub use standing::{Policy, Standing, retry_after_seconds};
pub use view::{Allowance, LimitsView, Requests};
