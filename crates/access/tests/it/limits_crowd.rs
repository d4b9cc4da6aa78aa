//! Several gateways under load: the limit holds in every window of time.

use crate::caller::agent;
use access::Operation;
use access::limits::{Limiter, Refused};
use std::time::{Duration, Instant};
use test_support::RedisServer;

const SECONDS: u64 = 10;
const TASKS: usize = 20;
const GATEWAYS: usize = 4;
const LIMIT: usize = 100;
const WINDOW: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_exact_under_load_on_four_gateways() {
    let redis = RedisServer::start();
    let gateways = [(); GATEWAYS].map(|()| Limiter::new(&redis.url(), "test").unwrap().with_window(WINDOW));
    let caller = agent(|limits| limits.requests_per_minute = u32::try_from(LIMIT).unwrap());
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..TASKS)
        .map(|n| {
            let (gateway, caller) = (gateways[n % GATEWAYS].clone(), caller.clone());
            tokio::spawn(async move {
                let (mut admitted, mut refused) = (Vec::new(), Vec::new());
                while Instant::now() < end {
                    match gateway.admit(&caller, Operation::Generate, None).await {
                        Ok(status) => admitted.push(status.at_ms),
                        Err(Refused::TooFast { retry_after, status }) => {
                            refused.push(status.at_ms);
                            assert!(retry_after <= WINDOW + Duration::from_millis(1));
                            assert_eq!(status.policies[0].remaining(), 0, "refused while there is room");
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                (admitted, refused)
            })
        })
        .collect();
    let (mut log, mut refused) = (Vec::new(), Vec::new());
    for task in tasks {
        let (admitted, more) = task.await.unwrap();
        log.extend(admitted);
        refused.extend(more);
    }
    log.sort_unstable();
    assert!(refused.len() > 100, "that was no hammering: {} refusals", refused.len());

    // Never more than the limit: any request lies more than a window after the one `LIMIT` before it.
    let window = u64::try_from(WINDOW.as_millis()).unwrap();
    for pair in log.windows(LIMIT + 1) {
        assert!(pair[LIMIT] - pair[0] > window, "{} admitted within {} ms", LIMIT + 1, pair[LIMIT] - pair[0]);
    }
    // Never less: at each refusal the window contained `LIMIT` admitted requests.
    for at in refused {
        let before = |time| log.partition_point(|&admitted| admitted < time);
        assert_eq!(before(at + 1) - before(at - window), LIMIT, "admitted in the window before {at}");
    }
}
