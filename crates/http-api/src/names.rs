//! Names that clients choose, and the ids that follow from them.
//!
//! An id is derived from its name and not looked up, so the same name is the same job without any memory of names. It
//! is one tenant's own: two tenants who choose the same name get two ids.

use access::{Caller, Mode};
use domain::{BatchId, JobId};
use ring::digest::{Context, SHA256};

/// The longest name, in bytes.
pub const LONGEST_NAME: usize = 128;

/// What a name is made of, as a regular expression; no name is of dots alone.
pub const NAME_PATTERN: &str = r"^\.*[A-Za-z0-9_:~-][A-Za-z0-9._:~-]*$";

/// Whether clients may choose this as a name: letters, digits and `-`, `_`, `.`, `:`, `~`, at most 128 of them. So a
/// name needs no escaping in a path, nor in a log.
pub fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':' | b'~');
    // A path of dots means another path.
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(plain) && !text.bytes().all(|b| b == b'.')
}

/// Where a caller's names stand: those of a tenant's test keys stand apart from those of its live ones.
pub fn namespace(caller: &Caller) -> String {
    match caller.mode {
        Mode::Live => caller.tenant.id.to_string(),
        Mode::Test => format!("{}/test", caller.tenant.id),
    }
}

/// The job of a tenant that was named in `PUT .../jobs/{name}`.
pub fn named_job(tenant: &str, name: &str) -> JobId {
    JobId::derived(&digest(&[tenant, "job", name]))
}

/// The job that a tenant submitted with this `Idempotency-Key`.
pub fn keyed_job(tenant: &str, key: &str) -> JobId {
    JobId::derived(&digest(&[tenant, "key", key]))
}

/// The batch that a tenant submitted with this `Idempotency-Key`.
pub fn keyed_batch(tenant: &str, key: &str) -> BatchId {
    BatchId::derived(&digest(&[tenant, "batch", key]))
}

/// The job at a place in a batch, from 0.
pub fn batch_member(batch: BatchId, index: usize) -> JobId {
    JobId::derived(&digest(&[&batch.to_string(), "member", &index.to_string()]))
}

/// SHA-256 over the parts, each with its length before it, so that no two lists of parts run together.
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
        // What was derived once must be derived for ever: clients come back with their names.
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
