//! Names that clients choose, and the ids derived from them.
//!
//! An id is a hash of tenant and name, so no table of names is kept, and two tenants that choose the same name get two ids.

use access::{Caller, Mode};
use domain::{BatchId, JobId};
use ring::digest::{Context, SHA256};

/// The longest name, in bytes.
pub const MAX_NAME: usize = 128;

/// The form of a name, as a regular expression: not dots alone.
pub const NAME_PATTERN: &str = r"^\.*[A-Za-z0-9_:~-][A-Za-z0-9._:~-]*$";

/// Whether this is a valid name: at most 128 letters, digits and `-`, `_`, `.`, `:`, `~`. A name needs no escaping in a path
/// or a log line.
pub fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'~');
    // Dots alone would be a relative path.
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain) && !text.bytes().all(|b| b == b'.')
}

/// The namespace of a caller's names. Test keys have one of their own.
pub fn namespace(caller: &Caller) -> String {
    match caller.mode {
        Mode::Live => caller.tenant.id.to_string(),
        Mode::Test => format!("{}/test", caller.tenant.id),
    }
}

/// The id of the job that a tenant named in `PUT .../jobs/{name}`.
pub fn named_job(tenant: &str, name: &str) -> JobId {
    JobId::derived(&digest(&[tenant, "job", name]))
}

/// The id of the job that a tenant submitted with this `Idempotency-Key`.
pub fn keyed_job(tenant: &str, key: &str) -> JobId {
    JobId::derived(&digest(&[tenant, "key", key]))
}

/// The id of the batch that a tenant submitted with this `Idempotency-Key`.
pub fn keyed_batch(tenant: &str, key: &str) -> BatchId {
    BatchId::derived(&digest(&[tenant, "batch", key]))
}

/// The id of the job at an index of a batch.
pub fn batch_member(batch: BatchId, index: usize) -> JobId {
    JobId::derived(&digest(&[&batch.to_string(), "member", &index.to_string()]))
}

/// SHA-256 of the parts, each prefixed with its length, so that different lists never have the same input.
fn digest(parts: &[&str]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn an_id_depends_on_tenant_kind_and_name_and_on_where_each_ends() {
        let batch = keyed_batch("a", "b");
        let ids = [
            named_job("a", "bc"),
            named_job("ab", "c"),
            named_job("b", "bc"),
            keyed_job("a", "bc"),
            batch_member(batch, 0),
            batch_member(batch, 1),
            batch_member(keyed_batch("b", "b"), 0),
        ];
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert_eq!(named_job("a", "bc"), ids[0]);
        // Clients use their names for years, so the derivation must never change.
        assert_eq!(named_job("agt_1", "order-7").to_string(), "b5e3d035-2c20-87b3-a4b1-e98a9a4e20a5");
    }

    #[test]
    fn names_are_short_and_plain() {
        for name in ["a", "order-7", "2026.10.01_x~y:z", "01996bd4-79c1-7f54-a4f5-1f7a8a1b8a10", &"a".repeat(128)] {
            assert!(is_name(name), "{name}");
        }
        for wrong in ["", ".", "..", "a/b", "a b", "ä", "a%20", "a\n", &"a".repeat(129)] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
