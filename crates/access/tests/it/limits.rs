//! Windows and quotas of a single caller.

use crate::caller::agent;
use crate::world::{World, command, let_pass};
use access::limits::{Limiter, Nonce, Quota, Refused, Work, retry_after_seconds};
use access::{Caller, Operation};
use std::time::Duration;
use test_support::{ChaosProxy, RedisServer, away_from_midnight};

const PREFIX: &str = "test";

fn limiter(redis: &RedisServer) -> Limiter {
    Limiter::new(&redis.url(), PREFIX).unwrap()
}

async fn digest(redis: &RedisServer) -> String {
    command(redis, &["DEBUG", "DIGEST"]).await
}

fn debuggable() -> RedisServer {
    RedisServer::start_with(&["--appendonly", "no", "--enable-debug-command", "local"])
}

#[tokio::test]
async fn each_key_and_each_operation_has_a_window_of_its_own() {
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let (ada, bob) = (agent(|limits| limits.requests_per_minute = 2), agent(|limits| limits.requests_per_minute = 2));
    for caller in [&ada, &bob] {
        for operation in Operation::ALL {
            for left in [1, 0] {
                let status = limiter.admit(caller, operation, None).await.unwrap();
                assert_eq!(status.policies[0].remaining(), left);
            }
            let refused = limiter.admit(caller, operation, None).await.unwrap_err();
            assert!(matches!(refused, Refused::TooFast { .. }), "{refused}");
        }
    }
    // Another key of the same tenant.
    let spare = Caller { key_id: "key_spare000000000000000".parse().unwrap(), ..ada };
    limiter.admit(&spare, Operation::Generate, None).await.unwrap();
}

#[tokio::test]
async fn a_request_is_admitted_after_retry_after_and_not_before() {
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.requests_per_minute = 3);
    let pass = async |time| let_pass(&redis, &caller, Operation::Query, time).await;
    // Spread out: the window slides, and the oldest entry decides.
    for _ in 0..3 {
        limiter.admit(&caller, Operation::Query, None).await.unwrap();
        pass(Duration::from_secs(15)).await;
    }
    for round in 0..4 {
        let refused = limiter.admit(&caller, Operation::Query, None).await.unwrap_err();
        let wait = refused.retry_after().unwrap();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(60_001), "round {round}: {wait:?}");
        // Clearly earlier it is refused.
        let soon = wait / 8;
        pass(soon).await;
        let early = limiter.admit(&caller, Operation::Query, None).await;
        assert!(matches!(early, Err(Refused::TooFast { .. })), "round {round}: {wait:?} {early:?}");
        pass(wait - soon).await;
        limiter.admit(&caller, Operation::Query, None).await.unwrap();
    }
}

#[tokio::test]
async fn the_header_rounds_up_to_whole_seconds() {
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.requests_per_minute = 1);
    limiter.admit(&caller, Operation::Generate, None).await.unwrap();
    let refused = limiter.admit(&caller, Operation::Generate, None).await.unwrap_err();
    let wait = refused.retry_after().unwrap();
    let seconds = retry_after_seconds(wait);
    assert!(Duration::from_secs(seconds) >= wait && Duration::from_secs(seconds - 1) < wait, "{seconds} for {wait:?}");
    let field = refused.status().unwrap().rate_limit().unwrap();
    let expected = format!("\"generate\";r=0;t={seconds};pk=:");
    assert!(field.starts_with(&expected), "the same moment in both: {field}");
    let_pass(&redis, &caller, Operation::Generate, Duration::from_secs(seconds)).await;
    limiter.admit(&caller, Operation::Generate, None).await.unwrap();
}

#[tokio::test]
async fn a_refusal_changes_nothing() {
    away_from_midnight().await;
    let redis = debuggable();
    let limiter = limiter(&redis);
    let caller = agent(|limits| {
        limits.requests_per_minute = 4;
        (limits.jobs_per_day, limits.megapixels_per_day) = (5, 3);
    });
    for _ in 0..4 {
        limiter.admit(&caller, Operation::Generate, None).await.unwrap();
    }
    limiter.charge(&caller, Operation::Generate, Work { jobs: 2, pixels: 1_500_000 }).await.unwrap().keep();
    let before = digest(&redis).await;
    limiter.admit(&caller, Operation::Generate, None).await.unwrap_err();
    for (operation, jobs, pixels) in
        [(Operation::Generate, 4, 1), (Operation::Generate, 1, 1_500_001), (Operation::Batch, 1, 1)]
    {
        limiter.charge(&caller, operation, Work { jobs, pixels }).await.unwrap_err();
    }
    limiter.view(&caller, 0, 0).await.unwrap();
    assert_eq!(digest(&redis).await, before);
}

#[tokio::test]
async fn a_day_has_so_many_jobs_and_so_many_megapixels() {
    away_from_midnight().await;
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| (limits.jobs_per_day, limits.megapixels_per_day) = (10, 4));
    let one = Work { jobs: 1, pixels: 999_999 };
    let receipt = limiter.charge(&caller, Operation::Generate, one).await.unwrap();
    let left: Vec<_> = receipt.status.policies.iter().map(|policy| (policy.name, policy.remaining())).collect();
    assert_eq!(left, [("jobs-per-day", 9), ("megapixels-per-day", 3)], "a part of a megapixel shows as a whole one");
    for _ in 0..3 {
        limiter.charge(&caller, Operation::Generate, Work { jobs: 1, pixels: 1_000_000 }).await.unwrap().keep();
    }
    // One pixel is left.
    let refused = limiter.charge(&caller, Operation::Generate, Work { jobs: 1, pixels: 2 }).await.unwrap_err();
    let Refused::DailyQuota { quota: Quota::Megapixels, retry_after, .. } = refused else { panic!("{refused}") };
    assert!(retry_after <= Duration::from_secs(86_400));
    limiter.charge(&caller, Operation::Generate, Work { jobs: 1, pixels: 1 }).await.unwrap().keep();
    receipt.refund().await.unwrap();
    limiter.charge(&caller, Operation::Generate, one).await.unwrap().keep();

    let refused = limiter.charge(&caller, Operation::Batch, Work { jobs: 6, pixels: 0 }).await.unwrap_err();
    assert!(matches!(refused, Refused::DailyQuota { quota: Quota::Jobs, .. }), "{refused}");
    limiter.charge(&caller, Operation::Batch, Work { jobs: 5, pixels: 0 }).await.unwrap().keep();
    let refused = limiter.charge(&caller, Operation::Batch, Work { jobs: 11, pixels: 0 }).await.unwrap_err();
    assert!(matches!(refused, Refused::NeverFits { quota: Quota::Jobs, asked: 11, max: 10 }), "{refused}");
    assert_eq!(refused.retry_after(), None, "waiting does not help");

    // The counters expire at midnight by Redis's clock.
    let key = format!("{PREFIX}:{{access}}:day:{}", caller.tenant.id);
    let life: u64 = command(&redis, &["TTL", &key]).await;
    assert!(life <= 86_400);
    let () = command(&redis, &["HINCRBY", &key, "day", "-1"]).await;
    let receipt = limiter.charge(&caller, Operation::Generate, one).await.unwrap();
    assert_eq!(receipt.status.policies[0].used, 1);
    let () = command(&redis, &["HINCRBY", &key, "day", "1"]).await;
    receipt.refund().await.unwrap();
    let jobs: u64 = command(&redis, &["HGET", &key, "jobs"]).await;
    assert_eq!(jobs, 1, "what was charged yesterday is not given back today");
}

#[tokio::test]
async fn a_batch_counts_as_so_many_generates_all_or_none() {
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.requests_per_minute = 10);
    let charge = async |jobs| limiter.charge(&caller, Operation::Batch, Work { jobs, pixels: 0 }).await;
    let room = async || 10 - limiter.view(&caller, 0, 0).await.unwrap().requests.generate.used;
    limiter.admit(&caller, Operation::Batch, None).await.unwrap();
    assert_eq!(room().await, 10);
    charge(7).await.unwrap().keep();
    assert_eq!(room().await, 3);
    let refused = charge(4).await.unwrap_err();
    let Refused::TooFast { retry_after, status } = refused else { panic!("{refused}") };
    assert_eq!(status.policies.last().unwrap().remaining(), 3);
    assert_eq!(room().await, 3);
    limiter.admit(&caller, Operation::Generate, None).await.unwrap();
    charge(2).await.unwrap().keep();
    limiter.admit(&caller, Operation::Generate, None).await.unwrap_err();
    let_pass(&redis, &caller, Operation::Generate, retry_after).await;
    charge(4).await.unwrap().keep();
    let never = charge(11).await.unwrap_err();
    assert!(matches!(never, Refused::NeverFits { quota: Quota::Submissions, asked: 11, max: 10 }), "{never}");
}

#[tokio::test]
async fn zero_means_no_limit() {
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| {
        limits.requests_per_minute = 0;
        (limits.jobs_per_day, limits.megapixels_per_day) = (0, 0);
    });
    for _ in 0..200 {
        let status = limiter.admit(&caller, Operation::Generate, None).await.unwrap();
        assert_eq!((status.rate_limit(), status.rate_limit_policy()), (None, None));
    }
    let receipt =
        limiter.charge(&caller, Operation::Batch, Work { jobs: 1_000, pixels: u64::MAX >> 12 }).await.unwrap();
    assert!(receipt.status.policies.is_empty());
    let view = limiter.view(&caller, 2, 3).await.unwrap();
    assert_eq!((view.requests.generate.limit, view.jobs_per_day.limit, view.jobs_per_day.used), (None, None, 1_000));
}

#[tokio::test]
async fn the_view_reports_usage() {
    away_from_midnight().await;
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.max_active_jobs = 6);
    for _ in 0..3 {
        limiter.admit(&caller, Operation::Query, None).await.unwrap();
    }
    limiter.charge(&caller, Operation::Generate, Work { jobs: 2, pixels: 1_200_000 }).await.unwrap().keep();
    let view = serde_json::to_value(limiter.view(&caller, 2, 3).await.unwrap()).unwrap();
    assert_eq!(view["requests"]["query"]["used"], 3);
    assert_eq!(view["requests"]["query"]["remaining"], 97);
    let reset = view["requests"]["query"]["reset_seconds"].as_u64().unwrap();
    assert!((1..=61).contains(&reset), "{reset}");
    assert_eq!(view["requests"]["cancel"]["used"], 0);
    assert_eq!(view["requests"]["cancel"]["reset_seconds"], serde_json::Value::Null);
    assert_eq!(view["jobs_per_day"]["used"], 2);
    assert_eq!(view["megapixels_per_day"]["used"], 2);
    assert_eq!((&view["active_jobs"]["used"], &view["active_jobs"]["remaining"]), (&5.into(), &1.into()));
    assert_eq!(view["tier"], "standard");
}

#[tokio::test]
async fn entries_from_the_future_do_not_block() {
    // Redis's clock was set back by an hour after these were admitted.
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.requests_per_minute = 3);
    let status = limiter.admit(&caller, Operation::Query, None).await.unwrap();
    let key = format!("{PREFIX}:{{access}}:window:{}:query", caller.key_id);
    let later = ((status.at_ms + 3_600_000) % (1 << 31)).to_string();
    let () = command(&redis, &["DEL", &key]).await;
    let () = command(&redis, &["LPUSH", &key, &later, &later, &later]).await;
    let status = limiter.admit(&caller, Operation::Query, None).await.unwrap();
    assert_eq!(status.policies[0].used, 1);
}

#[tokio::test]
async fn ages_survive_the_wrap_of_timestamps() {
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.requests_per_minute = 300);
    let status = limiter.admit(&caller, Operation::Query, None).await.unwrap();
    let key = format!("{PREFIX}:{{access}}:window:{}:query", caller.key_id);
    // Many expired entries are dropped, and the newest stays.
    let old = ((status.at_ms - 61_000) % (1 << 31)).to_string();
    for _ in 0..200 {
        let () = command(&redis, &["RPUSH", &key, &old]).await;
    }
    let status = limiter.admit(&caller, Operation::Query, None).await.unwrap();
    assert_eq!(status.policies[0].used, 2);
}

#[tokio::test]
async fn without_redis_the_answer_is_an_error_in_bounded_time() {
    let redis = RedisServer::start();
    let proxy = ChaosProxy::start(redis.address()).await;
    let limiter = Limiter::new(&proxy.redis_url(), PREFIX).unwrap();
    let caller = agent(|_| ());
    limiter.admit(&caller, Operation::Query, None).await.unwrap();

    proxy.cut();
    for _ in 0..3 {
        let started = std::time::Instant::now();
        let refused = limiter.admit(&caller, Operation::Query, None).await.unwrap_err();
        assert!(matches!(&refused, Refused::Store(error) if error.is_retryable()), "{refused:?}");
        assert!(started.elapsed() < Duration::from_secs(15));
    }
    proxy.heal();
    let back = async || limiter.admit(&caller, Operation::Query, None).await.is_ok();
    test_support::wait_until("it to come back", Duration::from_secs(30), back).await;

    proxy.stall();
    let started = std::time::Instant::now();
    limiter.admit(&caller, Operation::Query, None).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn while_redis_refuses_writes_only_queries_are_admitted() {
    away_from_midnight().await;
    let redis = debuggable();
    let limiter = limiter(&redis);
    let caller = agent(|limits| limits.requests_per_minute = 3);
    limiter.admit(&caller, Operation::Query, None).await.unwrap();
    let receipt = limiter.charge(&caller, Operation::Generate, Work { jobs: 3, pixels: 9 }).await.unwrap();
    let used = Nonce::new(b"used", i64::try_from(receipt.status.at_ms / 1000).unwrap());
    let new = Nonce::new(b"new", i64::try_from(receipt.status.at_ms / 1000).unwrap());
    limiter.admit(&caller, Operation::Query, Some(used)).await.unwrap();
    let before = digest(&redis).await;
    let () = command(&redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    for refused in [
        limiter.admit(&caller, Operation::Generate, None).await.unwrap_err(),
        limiter.admit(&caller, Operation::Cancel, Some(new)).await.unwrap_err(),
        limiter.charge(&caller, Operation::Generate, Work { jobs: 1, pixels: 1 }).await.unwrap_err(),
    ] {
        assert!(matches!(&refused, Refused::Store(error) if error.is_retryable()), "{refused:?}");
    }
    // Not counted: five requests where the window has room for one.
    for _ in 0..5 {
        let status = limiter.admit(&caller, Operation::Query, Some(new)).await.unwrap();
        assert_eq!(status.policies[0].used, 2);
    }
    let replayed = limiter.admit(&caller, Operation::Query, Some(used)).await.unwrap_err();
    assert!(matches!(replayed, Refused::Replayed), "{replayed}");
    assert_eq!(digest(&redis).await, before);
    let () = command(&redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    limiter.admit(&caller, Operation::Query, None).await.unwrap();
    let () = command(&redis, &["CONFIG", "SET", "maxmemory", "1"]).await;
    let full = limiter.admit(&caller, Operation::Query, None).await.unwrap_err();
    assert!(matches!(full, Refused::TooFast { .. }), "a full window stays full: {full}");
}

/// `MISCONF`, as a full disk causes it.
#[tokio::test]
async fn keys_are_found_and_queries_admitted_while_the_disk_is_full() {
    let redis = RedisServer::start_with(&["--appendonly", "no", "--save", "3600 1"]);
    reads_go_on_without_writes(redis, async |redis| redis.refuse_writes()).await;
}

/// `NOREPLICAS`.
#[tokio::test]
async fn keys_are_found_and_queries_admitted_while_replicas_are_missing() {
    let require_a_replica = async |redis: &RedisServer| {
        let () = command(redis, &["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    };
    reads_go_on_without_writes(RedisServer::start(), require_a_replica).await;
}

async fn reads_go_on_without_writes(redis: RedisServer, refuse_writes: impl AsyncFn(&RedisServer)) {
    let world = World::on(redis).await;
    let ada = world.agent("ada").await;
    refuse_writes(&world.redis).await;
    let caller = world.bearer(&ada).await.unwrap();
    let limiter = world.registry.limiter();
    limiter.admit(&caller, Operation::Query, None).await.unwrap();
    let refused = limiter.admit(&caller, Operation::Generate, None).await.unwrap_err();
    assert!(matches!(&refused, Refused::Store(error) if error.is_retryable()), "{refused:?}");
    let written = world.registry.note_use(&caller.key_id).await.unwrap_err();
    assert!(written.is_retryable(), "{written}");
    let added = world.registry.add(access::NewTenant::new("bob", domain::Class::Agent), access::Mode::Live, None).await;
    assert!(added.unwrap_err().is_retryable());
    // A gateway that starts now works as well.
    let restarted = crate::world::connect(&world.redis, crate::world::MASTER).await.unwrap();
    assert!(restarted.find_by_key_id(ada.key_id.as_str()).await.unwrap().verify_signed(|_| true).is_ok());
}

#[tokio::test]
async fn a_receipt_that_is_dropped_is_refunded() {
    away_from_midnight().await;
    let redis = RedisServer::start();
    let limiter = limiter(&redis);
    let caller = agent(|_| ());
    let work = Work { jobs: 2, pixels: 3_000_000 };
    let used = async || {
        let view = limiter.view(&caller, 0, 0).await.unwrap();
        (view.jobs_per_day.used, view.megapixels_per_day.used)
    };
    let settled = async |expected: (u64, u64)| {
        let is = async || used().await == expected;
        test_support::wait_until("the refund", Duration::from_secs(20), is).await;
    };
    drop(limiter.charge(&caller, Operation::Generate, work).await.unwrap());
    settled((0, 0)).await;
    limiter.charge(&caller, Operation::Generate, work).await.unwrap().keep();
    assert_eq!(used().await, (2, 3));

    // The client disconnects while the charge is under way.
    let proxy = ChaosProxy::start(redis.address()).await;
    let slow = Limiter::new(&proxy.redis_url(), PREFIX).unwrap();
    slow.admit(&caller, Operation::Generate, None).await.unwrap();
    proxy.delay(Duration::from_millis(300));
    let charge = slow.charge(&caller, Operation::Generate, work);
    tokio::time::timeout(Duration::from_millis(100), charge).await.unwrap_err();
    test_support::wait_until("the charge", Duration::from_secs(20), async || used().await == (4, 6)).await;
    settled((2, 3)).await;
}
