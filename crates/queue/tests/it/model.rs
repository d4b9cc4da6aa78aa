//! Random sequences of operations against a small model of the state machine.
//!
//! The model knows no Redis: a line of jobs, and for each its state, attempts and holder. After every operation the
//! queue must agree with it, and its keys must agree with each other.

use crate::world::{LONG, World, failure, job, key, make_due, position, result};
use domain::{JobId, JobState, Progress};
use proptest::prelude::*;
use queue::{Depth, Error, Lease, LeaseOptions, Renewal, Worker};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MAX_ATTEMPTS: u32 = 2;

#[derive(Debug, Clone, Copy)]
enum Operation {
    Submit,
    Resubmit(usize),
    Lease(usize),
    Renew(usize),
    Progress(usize),
    Succeed(usize),
    Fail(usize, bool),
    Release(usize),
    ConfirmCancel(usize),
    Cancel(usize),
    /// A running job's lease runs out.
    Expire(usize),
    /// A delayed job is due.
    Due(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    use Operation::{
        Cancel, ConfirmCancel, Due, Expire, Fail, Lease, Progress, Release, Renew, Resubmit, Submit, Succeed,
    };
    let n = 0..16_usize;
    let operation = prop_oneof![
        4 => Just(Submit),
        1 => n.clone().prop_map(Resubmit),
        5 => (1..4_usize).prop_map(Lease),
        2 => n.clone().prop_map(Renew),
        2 => n.clone().prop_map(Progress),
        2 => n.clone().prop_map(Succeed),
        3 => (n.clone(), any::<bool>()).prop_map(|(n, retryable)| Fail(n, retryable)),
        2 => n.clone().prop_map(Release),
        1 => n.clone().prop_map(ConfirmCancel),
        2 => n.clone().prop_map(Cancel),
        3 => n.clone().prop_map(Expire),
        2 => n.prop_map(Due),
    ];
    prop::collection::vec(operation, 1..60)
}

#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// In the lane of those that came back (`true`) or that of the new.
    Lane(bool),
    Delayed,
    /// With the lease of this number.
    With(usize),
    Over(JobState),
}

#[derive(Debug)]
struct ModelJob {
    place: Place,
    attempt: u32,
    /// Leases that did not count.
    spared: u32,
    has_begun: bool,
    is_cancelled: bool,
}

impl ModelJob {
    fn state(&self) -> JobState {
        match self.place {
            Place::Lane(_) | Place::Delayed => JobState::Queued,
            Place::With(_) => JobState::Running,
            Place::Over(state) => state,
        }
    }
}

#[derive(Debug, Default)]
struct Model {
    jobs: BTreeMap<JobId, ModelJob>,
    /// Lanes in order of dispatch: those that came back, then the new.
    returned: Vec<JobId>,
    new: Vec<JobId>,
    dead: u64,
    fenced: u64,
    reclaimed: u64,
}

impl Model {
    fn line(&self) -> impl Iterator<Item = JobId> {
        self.returned.iter().chain(&self.new).copied()
    }

    fn leave_line(&mut self, id: JobId) {
        self.returned.retain(|job| *job != id);
        self.new.retain(|job| *job != id);
    }

    fn of(&mut self, id: JobId) -> &mut ModelJob {
        self.jobs.get_mut(&id).unwrap()
    }

    /// Whether lease `n` of `id` is the live one; if not, a refused write is counted.
    fn holds(&mut self, id: JobId, n: usize) -> bool {
        let holds = self.of(id).place == Place::With(n);
        self.fenced += u64::from(!holds);
        holds
    }

    fn give_back(&mut self, id: JobId) {
        self.of(id).place = Place::Lane(true);
        self.returned.push(id);
    }

    /// The attempt is over and has not succeeded; it may be followed by another.
    fn attempt_failed(&mut self, id: JobId, again: impl FnOnce(&mut Self)) -> JobState {
        let job = self.of(id);
        if job.is_cancelled {
            job.place = Place::Over(JobState::Cancelled);
        } else if job.attempt >= MAX_ATTEMPTS {
            job.place = Place::Over(JobState::Failed);
            self.dead += 1;
        } else {
            again(self);
        }
        self.of(id).state()
    }

    fn in_place(&self, wanted: impl Fn(&Place) -> bool) -> Vec<JobId> {
        self.jobs.iter().filter(|(_, job)| wanted(&job.place)).map(|(id, _)| *id).collect()
    }
}

struct Run {
    world: World,
    worker: Worker,
    raw: MultiplexedConnection,
    model: Model,
    /// All leases ever taken that were not ended, the lost ones too, by their number.
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
            assert!(holds, "a write of a lost lease went through");
            Some(value)
        }
        Err(Error::Lost { .. }) => {
            assert!(!holds, "a write of a live lease was refused");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

impl Run {
    async fn new() -> Self {
        let world = World::new().await;
        let options = LeaseOptions { lease: LONG, max_attempts: MAX_ATTEMPTS };
        let worker = world.queue.worker("w", options).await.unwrap();
        let raw = world.raw().await;
        Self { world, worker, raw, model: Model::default(), leases: BTreeMap::new(), taken: 0 }
    }

    /// A lease to end: picked, and no longer there.
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
            Operation::Submit => {
                let job = job();
                let position = self.world.queue.submit(&job.clone().into()).await.unwrap().line.position;
                self.model.jobs.insert(
                    job.id,
                    ModelJob {
                        place: Place::Lane(false),
                        attempt: 0,
                        spared: 0,
                        has_begun: false,
                        is_cancelled: false,
                    },
                );
                self.model.new.push(job.id);
                assert_eq!(position as usize, self.model.line().count());
            }
            Operation::Resubmit(n) => {
                let Some(id) = pick(&self.model.in_place(|_| true), n) else { return };
                let again = domain::Job { id, ..job() };
                let position = self.world.queue.submit(&again.clone().into()).await.unwrap().line.position;
                if self.model.of(id).place != Place::Delayed {
                    assert_eq!(
                        position as usize,
                        self.model.line().position(|other| other == id).map_or(0, |at| at + 1)
                    );
                }
            }
            Operation::Lease(max) => {
                let leases = self.worker.lease(max, Duration::ZERO).await.unwrap();
                let expected: Vec<JobId> = self.model.line().take(max).collect();
                assert_eq!(leases.iter().map(|lease| lease.job().id).collect::<Vec<_>>(), expected);
                for lease in leases {
                    let id = lease.job().id;
                    self.model.leave_line(id);
                    let taken = self.taken;
                    let job = self.model.of(id);
                    job.attempt += 1;
                    job.has_begun = false;
                    job.place = Place::With(taken);
                    assert_eq!(lease.attempt(), job.attempt);
                    self.leases.insert(taken, lease);
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
                if let Some(renewal) = agree(lease.progress(&Progress::denoise(1, 9)).await, holds) {
                    self.model.of(id).has_begun = true;
                    assert_eq!(renewal == Renewal::Cancelled, self.model.of(id).is_cancelled);
                }
            }
            Operation::Succeed(n) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                if agree(lease.succeed(&result()).await, holds).is_some() {
                    self.model.of(id).place = Place::Over(JobState::Succeeded);
                }
            }
            Operation::Fail(n, retryable) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                let Some(state) = agree(lease.fail(&failure(retryable)).await, holds) else { return };
                let expected = if retryable {
                    self.model.attempt_failed(id, |model| model.of(id).place = Place::Delayed)
                } else {
                    let job = self.model.of(id);
                    let over = if job.is_cancelled { JobState::Cancelled } else { JobState::Failed };
                    job.place = Place::Over(over);
                    over
                };
                assert_eq!(state, expected);
                if self.model.of(id).place == Place::Delayed {
                    // It is due when the model says so, not when the clock does.
                    let far = 9e12;
                    self.raw.zadd::<_, _, _, ()>(key("delayed"), id.to_string(), far).await.unwrap();
                }
            }
            Operation::Release(n) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                if agree(lease.release().await, holds).is_some() {
                    let job = self.model.of(id);
                    if job.is_cancelled {
                        job.place = Place::Over(JobState::Cancelled);
                    } else {
                        job.attempt -= 1;
                        job.spared += 1;
                        self.model.give_back(id);
                    }
                }
            }
            Operation::ConfirmCancel(n) => {
                let Some((id, holds, lease)) = self.end(n) else { return };
                if agree(lease.cancelled().await, holds).is_some() {
                    self.model.of(id).place = Place::Over(JobState::Cancelled);
                }
            }
            Operation::Cancel(n) => {
                let Some(id) = pick(&self.model.in_place(|_| true), n) else { return };
                let state = self.world.queue.cancel(id).await.unwrap();
                match self.model.of(id).state() {
                    JobState::Queued => {
                        self.model.leave_line(id);
                        self.model.of(id).place = Place::Over(JobState::Cancelled);
                    }
                    JobState::Running => self.model.of(id).is_cancelled = true,
                    _ => {}
                }
                assert_eq!(state, self.model.of(id).state());
            }
            Operation::Expire(n) => {
                let Some(id) = pick(&self.model.in_place(|place| matches!(place, Place::With(_))), n) else { return };
                make_due(&mut self.raw, "leases", id).await;
                self.world.queue.sweep().await.unwrap();
                self.model.reclaimed += 1;
                let job = self.model.of(id);
                if job.has_begun || job.spared >= 10 || job.is_cancelled {
                    self.model.attempt_failed(id, |model| model.give_back(id));
                } else {
                    job.attempt -= 1;
                    job.spared += 1;
                    self.model.give_back(id);
                }
            }
            Operation::Due(n) => {
                let Some(id) = pick(&self.model.in_place(|place| *place == Place::Delayed), n) else { return };
                make_due(&mut self.raw, "delayed", id).await;
                self.world.queue.sweep().await.unwrap();
                self.model.give_back(id);
            }
        }
    }

    /// The queue agrees with the model, and its keys with each other.
    async fn check(&mut self) {
        let (queue, model) = (&self.world.queue, &self.model);
        for (id, expected) in &model.jobs {
            let record = queue.record(*id).await.unwrap().expect("no job is ever lost");
            assert_eq!((record.state, record.attempt), (expected.state(), expected.attempt), "{id}");
            assert_eq!(record.finished_ms.is_some(), record.state.is_terminal());
            assert_eq!(record.result.is_some(), record.state == JobState::Succeeded);
            assert_eq!(record.failure.is_some(), record.state == JobState::Failed);
        }
        for (at, id) in model.line().enumerate() {
            assert_eq!(position(queue, id).await, Some(at as u64 + 1));
        }
        let running: BTreeSet<String> =
            model.in_place(|place| matches!(place, Place::With(_))).iter().map(JobId::to_string).collect();
        let delayed = model.in_place(|place| *place == Place::Delayed).len() as u64;
        let line = model.line().count() as u64;
        let depth = Depth { queued: line + delayed, running: running.len() as u64, dead: model.dead };
        assert_eq!(queue.depth().await.unwrap(), depth);
        let counters = queue.counters().await.unwrap();
        assert_eq!((counters.fenced, counters.reclaimed), (model.fenced, model.reclaimed));

        let leases: BTreeSet<String> = self.raw.zrange(key("leases"), 0, -1).await.unwrap();
        assert_eq!(leases, running);
    }

    /// Whatever happened, every job comes to its end.
    async fn drain(&mut self) {
        self.leases.clear();
        for id in self.model.in_place(|place| matches!(place, Place::With(_))) {
            make_due(&mut self.raw, "leases", id).await;
        }
        for id in self.model.in_place(|place| *place == Place::Delayed) {
            make_due(&mut self.raw, "delayed", id).await;
        }
        self.world.queue.sweep().await.unwrap();
        loop {
            let leases = self.worker.lease(100, Duration::ZERO).await.unwrap();
            if leases.is_empty() {
                break;
            }
            for lease in leases {
                lease.succeed(&result()).await.unwrap();
            }
        }
        for (id, before) in &self.model.jobs {
            let state = self.world.queue.record(*id).await.unwrap().unwrap().state;
            assert!(state.is_terminal(), "{id} never ends");
            if let Place::Over(over) = before.place {
                assert_eq!(state, over, "a terminal state changed");
            }
        }
        let dead = self.world.queue.depth().await.unwrap().dead;
        assert_eq!(self.world.queue.depth().await.unwrap(), Depth { queued: 0, running: 0, dead });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_does_as_the_model(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for operation in operations {
                run.apply(operation).await;
                run.check().await;
            }
            run.drain().await;
        });
    }
}
