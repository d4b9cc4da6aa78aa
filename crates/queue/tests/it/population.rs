//! The tenants, lanes and pools of workers of the state machine.

use domain::{Capability, Class, LEVEL, Needs};

/// The tenants: class, name, weight, most running.
pub(crate) const TENANTS: [(Class, &str, f64, u64); 5] = [
    (Class::Agent, "a", 1.0, 0),
    (Class::Agent, "b", 2.0, 2),
    (Class::User, "a", 1.0, 1),
    (Class::User, "c", 0.5, 0),
    (Class::Test, "a", 1.0, 1),
];

pub(crate) const LANES: usize = 3;
/// The pools: one covers the first lane, one covers all, and the last runs test jobs.
pub(crate) const POOLS: usize = 3;
pub(crate) const TEST_POOL: usize = 2;

/// What the jobs of a lane need, in the order of the names of the lanes.
pub(crate) fn needs(lane: usize) -> Needs {
    let (model, grid) = [(None, 512), (None, 64), (Some("other"), 64)][lane];
    Needs { kind: "image_to_mesh".to_owned(), level: 1, model: model.map(str::to_owned), multi_view: false, grid }
}

/// What the workers of a pool can do.
pub(crate) fn capabilities(pool: usize) -> Vec<Capability> {
    let can = |model: &str, is_default_model, max_grid| Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: model.to_owned(),
        is_default_model,
        multi_view: false,
        max_grid,
    };
    match pool {
        0 => vec![can("tiny", true, 64)],
        1 => vec![can("tiny", true, 512), can("other", false, 64)],
        _ => Vec::new(),
    }
}

/// Whether the workers of a pool can do a job.
pub(crate) fn covers(pool: usize, class: Class, lane: usize) -> bool {
    match (pool == TEST_POOL, class == Class::Test) {
        (false, false) => capabilities(pool).iter().any(|one| one.covers(&needs(lane))),
        (is_test_pool, is_test_job) => is_test_pool && is_test_job,
    }
}
