//! Limits of tiers.

use access::{Defaults, Limits, Overrides, Tier};
use domain::Class;

/// All limits; unlimited ones as the maximum.
fn bounds(limits: &Limits) -> [u64; 7] {
    [
        limits.requests_per_minute.into(),
        limits.queries_per_minute.into(),
        limits.max_active_jobs,
        limits.max_running_jobs,
        limits.max_queued_jobs,
        limits.jobs_per_day,
        limits.megapixels_per_day,
    ]
    .map(|bound| if bound == 0 { u64::MAX } else { bound })
}

#[test]
fn a_higher_tier_never_gives_less() {
    for class in [Class::Agent, Class::User] {
        let of = |tier| Limits::of(class, tier, &Overrides::default(), &Defaults::default());
        for tiers in Tier::ALL.windows(2) {
            let (lower, higher) = (of(tiers[0]), of(tiers[1]));
            let pairs = bounds(&lower).into_iter().zip(bounds(&higher));
            assert!(pairs.into_iter().all(|(lower, higher)| lower <= higher), "{class:?} {tiers:?}");
            assert!(lower.weight <= higher.weight && lower.max_batch_size <= higher.max_batch_size);
            assert_ne!(lower, higher);
        }
        let free = of(Tier::Free);
        assert!(bounds(&free).iter().all(|&bound| bound < u64::MAX), "to try it is bounded in every way: {free:?}");
        // Only the highest tier is unlimited.
        assert!(bounds(&of(Tier::Unlimited)).iter().all(|&bound| bound == u64::MAX));
    }
    let listed = Tier::ALL.map(|tier| tier.to_string()).join(", ");
    assert!("gold".parse::<Tier>().unwrap_err().to_string().ends_with(&listed), "the error names them all");
}
