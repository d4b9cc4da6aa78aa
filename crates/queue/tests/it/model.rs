//! Random sequences of operations: after each of them the queue must agree with its reference in plain Rust, and its
//! keys must agree with each other.

use crate::population::{LANES, TENANTS, TEST_POOL, capabilities, needs};
use crate::reference::{MAX_ATTEMPTS, Model, Place, USERS_SHARE};
use crate::world::{LONG, World, failure, job, key, make_due, options, position, result};
use domain::{Class, Job, JobId, JobState, Progress, WorkerInfo};
use proptest::prelude::*;
use queue::{Depth, Error, Lease, LeaseOptions, Queue, RedisOptions, Renewal, Submission, TenantBounds, Worker};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use test_support::RedisServer;

#[derive(Debug, Clone, Copy)]
enum Operation {
    /// By the tenant of this number, in this lane; whether the job has a second step.
    Submit(usize, usize, bool),
    Resubmit(usize),
    /// By a worker of this pool; so many.
    Lease(usize, usize),
    Renew(usize),
    Progress(usize),
    Succeed(usize),
    Fail(usize, bool),
    Release(usize),
    /// To this lane.
    HandOver(usize, usize),
    ConfirmCancel(usize),
    Cancel(usize),
    /// A running job's lease runs out.
    Expire(usize),
    /// A delayed job is due.
    Due(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    use Operation::{
        Cancel, ConfirmCancel, Due, Expire, Fail, HandOver, Lease, Progress, Release, Renew, Resubmit, Submit, Succeed,
    };
    let n = 0..16_usize;
    let operation = prop_oneof![
        6 => (0..TENANTS.len(), 0..LANES, any::<bool>()).prop_map(|(n, lane, next)| Submit(n, lane, next)),
        1 => n.clone().prop_map(Resubmit),
        5 => (0..TEST_POOL, 1..4_usize).prop_map(|(pool, max)| Lease(pool, max)),
        1 => (1..3_usize).prop_map(|max| Lease(TEST_POOL, max)),
        2 => n.clone().prop_map(Renew),
        3 => n.clone().prop_map(Progress),
        2 => n.clone().prop_map(Succeed),
        3 => (n.clone(), any::<bool>()).prop_map(|(n, retryable)| Fail(n, retryable)),
        2 => n.clone().prop_map(Release),
        2 => (n.clone(), 0..LANES).prop_map(|(n, lane)| HandOver(n, lane)),
        1 => n.clone().prop_map(ConfirmCancel),
        2 => n.clone().prop_map(Cancel),
        3 => n.clone().prop_map(Expire),
        2 => n.prop_map(Due),
    ];
    prop::collection::vec(operation, 1..60)
}

struct Run {
    /// Keeps the server alive.
    _server: RedisServer,
    queue: Queue,
    /// One of each pool.
    workers: Vec<Worker>,
    raw: MultiplexedConnection,
    model: Model,
    /// All leases that were not ended, including lost ones, by number.
    leases: BTreeMap<usize, Lease>,
    taken: usize,
}

fn pick<T: Clone>(from: &[T], n: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[n % from.len()].clone())
}

/// Whether the queue and the model agree on who holds the job.
fn agree<T>(result: Result<T, Error>, holds: bool) -> Option<T> {
    match result {
        Ok(value) => {
            assert!(holds, "a write of a lost lease was accepted");
            Some(value)
        }
        Err(Error::Lost { .. }) => {
            assert!(!holds, "a write of a live lease was refused");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

fn submission(id: JobId, tenant: usize, lane: usize, has_next: bool) -> Submission {
    let (class, owner, weight, max_running) = TENANTS[tenant];
    let job = job();
    let next = has_next.then(|| job.spec.clone()).into_iter().collect();
    let job = Job { id, class, owner: owner.to_owned(), next, ..job };
    Submission {
        bounds: TenantBounds { weight, max_running, ..TenantBounds::default() },
        needs: needs(lane),
        ..job.into()
    }
}

fn name(tenant: usize) -> String {
    let (class, owner, ..) = TENANTS[tenant];
    format!("{}:{owner}", class.as_str())
}

impl Run {
    async fn new() -> Self {
        let World { server, .. } = World::new().await;
        let bounds = RedisOptions { users_share: USERS_SHARE, ..options(&server.url()) };
        let queue = Queue::connect(&bounds).await.unwrap();
        let options = LeaseOptions { lease: LONG, max_attempts: MAX_ATTEMPTS };
        let mut workers = Vec::new();
        for pool in 0..TEST_POOL {
            let info = WorkerInfo { capabilities: capabilities(pool), ..crate::world::worker_info() };
            workers.push(queue.worker(info, options).await.unwrap());
        }
        workers.push(queue.test_worker("t", options).await.unwrap());
        let raw = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let (model, leases) = (Model::default(), BTreeMap::new());
        Self { _server: server, queue, workers, raw, model, leases, taken: 0 }
    }

    /// Removes a lease, to end it.
    fn end(&mut self, n: usize) -> Option<(JobId, bool, Lease)> {
        let number = pick(&self.leases.keys().copied().collect::<Vec<_>>(), n)?;
        let lease = self.leases.remove(&number).unwrap();
        let id = lease.job().id;
        Some((id, self.model.holds(id, number), lease))
    }

    fn look(&mut self, n: usize) -> Option<(JobId, bool, &Lease)> {
        let number = pick(&self.leases.keys().copied().collect::<Vec<_>>(), n)?;
        let lease = &self.leases[&number];
        let id = lease.job().id;
        Some((id, self.model.holds(id, number), lease))
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Submit(tenant, lane, has_next) => {
                let id = JobId::new();
                self.queue.submit(&submission(id, tenant, lane, has_next)).await.unwrap();
                self.model.submit(id, tenant, lane, has_next);
            }
            Operation::Resubmit(n) => {
                let Some(id) = pick(&self.model.in_place(|_| true), n) else { return };
                let job = self.model.of(id);
                let again = self.queue.submit(&submission(id, job.tenant, job.lane, job.has_next)).await.unwrap();
                assert_eq!((again.id, again.state), (id, job.state()));
            }
            Operation::Lease(pool, max) => {
                let leases = self.workers[pool].lease(max, Duration::ZERO).await.unwrap();
                let expected: Vec<JobId> = (0..max).map_while(|k| self.model.lease(pool, self.taken + k)).collect();
                assert_eq!(leases.iter().map(|lease| lease.job().id).collect::<Vec<_>>(), expected);
                for lease in leases {
                    assert_eq!(lease.attempt(), self.model.of(lease.job().id).attempt);
                    self.leases.insert(self.taken, lease);
                    self.taken += 1;
                }
            }
            Operation::Renew(n) => {
                let Some((id, holds, lease)) = self.look(n) else { return };
                if let Some(renewal) = agree(lease.renew().await, holds) {
                    assert_eq!(renewal == Renewal::Cancelled, self.model.of(id).is_cancelled);
                }
            }
            Operation::Progress(n) => {
                let Some((id, holds, lease)) = self.look(n) else { return };
                if let Some(renewal) = agree(lease.progress(&Progress::steps("denoise", 1, 9)).await, holds) {
                    self.model.of(id).has_begun = true;
                    assert_eq!(renewal == Renewal::Cancelled, self.model.of(id).is_cancelled);
                }
            }
            Operation::Succeed(n) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                if agree(lease.succeed(&result()).await, holds).is_some() {
                    self.model.end(id, JobState::Succeeded);
                }
            }
            Operation::Fail(n, retryable) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                let Some(state) = agree(lease.fail(&failure(retryable)).await, holds) else { return };
                assert_eq!(state, self.model.fail(id, retryable));
                if self.model.of(id).place == Place::Delayed {
                    // The model decides when it is due, not the clock.
                    let far = 9e12;
                    self.raw.zadd::<_, _, _, ()>(key("delayed"), id.to_string(), far).await.unwrap();
                }
            }
            Operation::Release(n) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                if agree(lease.release().await, holds).is_some() {
                    self.model.release(id);
                }
            }
            Operation::HandOver(n, lane) => {
                let Some((id, holds, lease)) = self.look(n) else { return };
                if lease.next_spec().is_none() {
                    self.model.fenced -= u64::from(!holds);
                    return;
                }
                self.model.fenced -= u64::from(!holds);
                let Some((id_again, holds, lease)) = self.end(n) else { return };
                assert_eq!(id, id_again);
                let artifacts = result().artifacts;
                if let Some(state) = agree(lease.hand_over(&artifacts, &needs(lane)).await, holds) {
                    assert_eq!(state, self.model.hand_over(id, lane));
                }
            }
            Operation::ConfirmCancel(n) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                if agree(lease.cancelled().await, holds).is_some() {
                    self.model.end(id, JobState::Cancelled);
                }
            }
            Operation::Cancel(n) => {
                let Some(id) = pick(&self.model.in_place(|_| true), n) else { return };
                assert_eq!(self.queue.cancel(id).await.unwrap(), self.model.cancel(id));
            }
            Operation::Expire(n) => {
                let Some(id) = pick(&self.model.in_place(|place| matches!(place, Place::With(_))), n) else { return };
                make_due(&mut self.raw, "leases", id).await;
                self.queue.sweep().await.unwrap();
                self.model.expire(id);
            }
            Operation::Due(n) => {
                let Some(id) = pick(&self.model.in_place(|place| *place == Place::Delayed), n) else { return };
                make_due(&mut self.raw, "delayed", id).await;
                self.queue.sweep().await.unwrap();
                self.model.due(id);
            }
        }
    }

    /// The queue agrees with the model.
    async fn check(&mut self) {
        let (queue, model) = (&self.queue, &self.model);
        for (id, expected) in &model.jobs {
            let record = queue.record(*id).await.unwrap().expect("no job is ever lost");
            assert_eq!((record.state, record.attempt), (expected.state(), expected.attempt), "{id}");
            assert_eq!(record.finished_ms.is_some(), record.state.is_terminal());
            assert_eq!(record.result.is_some(), record.state == JobState::Succeeded);
            assert_eq!(record.failure.is_some(), record.state == JobState::Failed);
        }
        let loads: Vec<(u64, u64)> = (0..TENANTS.len()).map(|n| model.load_of(n)).collect();
        let (queued, running) = loads.iter().fold((0, 0), |sum, load| (sum.0 + load.0, sum.1 + load.1));
        assert_eq!(queue.depth().await.unwrap(), Depth { queued, running, dead: model.dead });
        for (n, (class, owner, ..)) in TENANTS.iter().enumerate() {
            let usage = queue.usage(owner, *class).await.unwrap();
            assert_eq!((usage.queued, usage.running), loads[n]);
        }
        for (class, load) in queue.load().await.unwrap() {
            let of_class = |n: &usize| TENANTS[*n].0 == class;
            let sum = (0..TENANTS.len()).filter(of_class).fold((0, 0), |s, n| (s.0 + loads[n].0, s.1 + loads[n].1));
            assert_eq!((load.queued, load.running), sum, "{class:?}");
        }
        let counters = queue.counters().await.unwrap();
        assert_eq!((counters.fenced, counters.reclaimed), (model.fenced, model.reclaimed));

        for (n, tenant) in model.tenants.iter().enumerate() {
            for (lane, in_lane) in tenant.lanes.iter().enumerate() {
                let is_alone = in_lane.waiting.len() as u64 == queued && model.has_turn(n, lane);
                for (at, id) in in_lane.waiting.values().enumerate() {
                    let place = position(queue, *id).await.expect("it waits");
                    assert!(place > at as u64 && place <= queued, "{place} of {queued}, {}", name(n));
                    assert!(!is_alone || place == at as u64 + 1, "a position that is known: {place}, not {}", at + 1);
                }
            }
        }
    }

    /// The keys agree with the model, and so with each other.
    async fn check_keys(&mut self) {
        let (raw, model) = (&mut self.raw, &self.model);
        let ids = |jobs: Vec<JobId>| jobs.iter().map(JobId::to_string).collect::<BTreeSet<String>>();
        for (set, expected) in [
            ("leases", model.in_place(|place| matches!(place, Place::With(_)))),
            ("delayed", model.in_place(|place| *place == Place::Delayed)),
        ] {
            let members: BTreeSet<String> = raw.zrange(key(set), 0, -1).await.unwrap();
            assert_eq!(members, ids(expected), "{set}");
        }
        for (n, tenant) in model.tenants.iter().enumerate() {
            for (lane, in_lane) in tenant.lanes.iter().enumerate() {
                let waiting: Vec<String> =
                    raw.zrange(key(&format!("waiting:{}@{}", name(n), needs(lane).lane())), 0, -1).await.unwrap();
                let expected: Vec<String> = in_lane.waiting.values().map(JobId::to_string).collect();
                assert_eq!(waiting, expected, "{} in lane {lane}", name(n));
            }
        }
        for class in [Class::Agent, Class::User, Class::Test] {
            for lane in 0..LANES {
                let turns = key(&format!("turns:{}:{}", class.as_str(), needs(lane).lane()));
                let turns: BTreeSet<String> = raw.zrange(turns, 0, -1).await.unwrap();
                let expected = (0..TENANTS.len()).filter(|n| TENANTS[*n].0 == class && model.has_turn(*n, lane));
                assert_eq!(turns, expected.map(name).collect(), "{class:?} in lane {lane}");
            }
        }
        for (id, job) in &model.jobs {
            let ttl: i64 = raw.ttl(key(&format!("job:{id}"))).await.unwrap();
            assert_eq!(ttl > 0, job.state().is_terminal(), "{id} has a time to live of {ttl}");
        }
        // The account of an idle tenant has a time to live; that of a busy one has none.
        for n in 0..TENANTS.len() {
            let fields: HashMap<String, String> = raw.hgetall(key(&format!("tenant:{}", name(n)))).await.unwrap();
            let ttl: i64 = raw.ttl(key(&format!("tenant:{}", name(n)))).await.unwrap();
            assert_eq!(ttl > 0, !fields.is_empty() && model.load_of(n) == (0, 0), "{}: {ttl}", name(n));
        }
    }

    /// After any sequence, every job reaches a terminal state.
    async fn drain(&mut self) {
        self.leases.clear();
        for id in self.model.in_place(|place| matches!(place, Place::With(_))) {
            make_due(&mut self.raw, "leases", id).await;
        }
        for id in self.model.in_place(|place| *place == Place::Delayed) {
            make_due(&mut self.raw, "delayed", id).await;
        }
        self.queue.sweep().await.unwrap();
        loop {
            let mut leases = Vec::new();
            for worker in &self.workers {
                leases.extend(worker.lease(100, Duration::ZERO).await.unwrap());
            }
            if leases.is_empty() {
                break;
            }
            for lease in leases {
                lease.succeed(&result()).await.unwrap();
            }
        }
        for (id, before) in &self.model.jobs {
            let state = self.queue.record(*id).await.unwrap().unwrap().state;
            assert!(state.is_terminal(), "{id} never ends");
            if let Place::Over(over) = before.place {
                assert_eq!(state, over, "a terminal state changed");
            }
        }
        let dead = self.queue.depth().await.unwrap().dead;
        assert_eq!(self.queue.depth().await.unwrap(), Depth { queued: 0, running: 0, dead });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_agree_with_the_reference(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for operation in operations {
                run.apply(operation).await;
                run.check().await;
                run.check_keys().await;
            }
            run.drain().await;
        });
    }
}
