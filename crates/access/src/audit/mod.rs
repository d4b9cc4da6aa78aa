//! Audit log: one record per decision, without secrets.
//!
//! Records go to two append-only streams in Redis. `audit` holds those of authenticated tenants, `audit:strangers` those
//! of unauthenticated requests, with a limit of its own: a flood of wrong signatures cannot displace the history of
//! tenants. Both drop records beyond their retention or limit, in steps of up to 100. Times are those of Redis's clock.
//!
//! # Cost
//! Requests do not wait for their record: [`Audit::record`] puts it into a bounded buffer, and a task appends up to 256
//! records per script. While Redis is not available or refuses writes, the task retries; records that do not fit into the
//! buffer are counted ([`Audit::dropped`]) and later recorded as a gap. A process that is killed loses the records of the
//! last [`GATHER`]. An append whose answer is lost is repeated, so a record may occur twice, with the same request id.
//!
//! Recording in the script that admits a request would save the extra script, but the outcome of the request is not known
//! then, and unauthenticated requests do not reach it.

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
