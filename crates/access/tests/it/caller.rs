//! Callers without authentication, for tests of limits.

use access::{Caller, KeyId, Limits, Mode, Overrides, Permissions, Tenant, Tier};
use domain::Class;
use std::sync::atomic::{AtomicU32, Ordering};

/// A new agent of the standard tier with one key; `set` changes its limits.
pub(crate) fn agent(set: impl FnOnce(&mut Limits)) -> Caller {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let overrides = Overrides::default();
    let mut limits = Limits::of(Class::Agent, Tier::Standard, &overrides, &access::Defaults::default());
    set(&mut limits);
    // The same limit applies to all operations.
    limits.queries_per_minute = limits.requests_per_minute;
    Caller {
        tenant: Tenant {
            v: 1,
            id: format!("agt_{number:020}").parse().unwrap(),
            name: format!("agent {number}"),
            class: Class::Agent,
            tier: Tier::Standard,
            permissions: Permissions::default(),
            overrides,
            allow: Vec::new(),
            disabled: false,
            created_ms: 0,
            limits,
        },
        key_id: format!("key_{number:020}").parse::<KeyId>().unwrap(),
        mode: Mode::Live,
    }
}
