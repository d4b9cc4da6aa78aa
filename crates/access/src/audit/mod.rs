//! Who asked for what, and what was said: a record of each decision, and never a secret.
//!
//! Records go to two append-only streams in Redis. `audit` holds those of proven tenants; `audit:strangers` holds
//! requests whose identity was not proven, and has a bound of its own: who floods the gate with wrong signatures cannot
//! push anybody's history out. Both drop what is older than the retention and what is more than the bound, in steps of
//! up to 100 records. The time of a record is Redis's.
//!
//! # Cost
//! A request does not wait for its record: [`Audit::record`] puts it into a bounded buffer, and a task appends what has
//! gathered, one script for up to 256 records. When Redis is away, the task tries again until it is back, and what the
//! buffer cannot hold meanwhile is counted ([`Audit::dropped`]) and, once Redis is back, recorded as a gap. A process
//! that is killed loses the records of the last [`GATHER`]. An append whose answer got lost is repeated, so a record may
//! stand there twice, with the same request id.
//!
//! Letting the record ride in the script that admits a request would cost no round trip either, but that script runs
//! before the request's fate is known, and refusals of strangers do not come to it at all.

mod event;
mod reader;
mod recorder;

pub use event::{Event, Outcome, Record};
pub use reader::{AuditReader, Filter};
pub use recorder::{Audit, AuditOptions, GATHER};

/// The two streams under `prefix`.
fn streams(prefix: &str) -> [String; 2] {
    ["audit", "audit:strangers"].map(|name| format!("{prefix}:{{access}}:{name}"))
}
