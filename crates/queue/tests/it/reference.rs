//! The state machine of the queue in plain Rust, without Redis: jobs, lanes, and whose turn it is.

use crate::population::{LANES, POOLS, TENANTS, TEST_POOL, covers};
use domain::{Class, JobId, JobState};
use std::collections::BTreeMap;

pub(crate) const MAX_ATTEMPTS: u32 = 2;
pub(crate) const USERS_SHARE: u32 = 3;
/// Leases that may be lost without an attempt being counted.
const SPARED: u32 = 10;
/// Turns of its own that a tenant may be behind or ahead of the clocks.
const LAG: f64 = 8.0;
/// Added to the clock of a lane at each dispatch.
const TIE: f64 = 1e-6;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    Waiting,
    Delayed,
    /// With the lease of this number.
    With(usize),
    Over(JobState),
}

#[derive(Debug)]
pub(crate) struct ModelJob {
    pub(crate) tenant: usize,
    pub(crate) lane: usize,
    pub(crate) place: Place,
    pub(crate) attempt: u32,
    /// Leases that were lost and did not count.
    pub(crate) spared: u32,
    pub(crate) has_begun: bool,
    pub(crate) is_cancelled: bool,
    /// Whether it has a further step.
    pub(crate) has_next: bool,
}

impl ModelJob {
    pub(crate) fn state(&self) -> JobState {
        match self.place {
            Place::Waiting | Place::Delayed => JobState::Queued,
            Place::With(_) => JobState::Running,
            Place::Over(state) => state,
        }
    }
}

/// Whether a tenant has a turn in a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    None,
    /// With a requeued job: before all others.
    Back,
    New,
}

#[derive(Debug, Default)]
pub(crate) struct InLane {
    /// Whether a job is new, and its arrival: requeued jobs go first.
    pub(crate) waiting: BTreeMap<(bool, u64), JobId>,
    turn: Turn,
    /// Its place among the turns.
    score: f64,
    offset: Option<f64>,
    /// The arrival of the first requeued job since there was none.
    ahead: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tenant {
    pub(crate) lanes: [InLane; LANES],
    pub(crate) running: u64,
    served: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) jobs: BTreeMap<JobId, ModelJob>,
    pub(crate) tenants: [Tenant; 5],
    pub(crate) dead: u64,
    pub(crate) fenced: u64,
    pub(crate) reclaimed: u64,
    /// The virtual time of each class and lane, and of each class and pool.
    clocks: [[f64; LANES]; 3],
    pool_clocks: [[f64; POOLS]; 3],
    /// Lanes with turns, in the order in which they got their first.
    active: Vec<(Class, usize)>,
    agents_in_a_row: u32,
    arrivals: u64,
}

impl Model {
    pub(crate) fn of(&mut self, id: JobId) -> &mut ModelJob {
        self.jobs.get_mut(&id).unwrap()
    }

    pub(crate) fn has_turn(&self, tenant: usize, lane: usize) -> bool {
        self.tenants[tenant].lanes[lane].turn != Turn::None
    }

    pub(crate) fn submit(&mut self, id: JobId, tenant: usize, lane: usize, has_next: bool) {
        let job = ModelJob {
            tenant,
            lane,
            place: Place::Waiting,
            attempt: 0,
            spared: 0,
            has_begun: false,
            is_cancelled: false,
            has_next,
        };
        self.jobs.insert(id, job);
        self.join(id, false);
    }

    fn join(&mut self, id: JobId, is_back: bool) {
        self.arrivals += 1;
        let (arrival, job) = (self.arrivals, self.of(id));
        job.place = Place::Waiting;
        let (tenant, lane) = (job.tenant, job.lane);
        let in_lane = &mut self.tenants[tenant].lanes[lane];
        if is_back && in_lane.waiting.keys().all(|(is_new, _)| *is_new) {
            in_lane.ahead = arrival;
        }
        in_lane.waiting.insert((!is_back, arrival), id);
        self.settle(tenant, lane, false);
    }

    fn weight(tenant: usize) -> f64 {
        TENANTS[tenant].2
    }

    fn tag(&self, tenant: usize, lane: usize) -> f64 {
        let (account, clock) = (&self.tenants[tenant], self.clocks[TENANTS[tenant].0 as usize][lane]);
        (account.lanes[lane].offset.unwrap_or(0.0) + account.served).min(clock + LAG / Self::weight(tenant))
    }

    fn settle(&mut self, tenant: usize, lane: usize, was_charged: bool) {
        let (class, _, _, most) = TENANTS[tenant];
        let (account, clock) = (&self.tenants[tenant], self.clocks[class as usize][lane]);
        let (before, served) = (account.lanes[lane].turn, account.served);
        let first = account.lanes[lane].waiting.keys().next();
        let turn = match first {
            Some((is_new, _)) if most == 0 || account.running < most => {
                if *is_new {
                    Turn::New
                } else {
                    Turn::Back
                }
            }
            _ => Turn::None,
        };
        if turn == before {
            let tenants = (0..TENANTS.len()).filter(|n| TENANTS[*n].0 == class && self.has_turn(*n, lane)).count();
            if was_charged && turn == Turn::New && tenants > 1 {
                self.tenants[tenant].lanes[lane].score = self.tag(tenant, lane);
            }
            return;
        }
        if before == Turn::None {
            let tag = if account.lanes[lane].offset.is_some() { self.tag(tenant, lane) } else { clock };
            self.tenants[tenant].lanes[lane].offset = Some(tag.max(clock) - served);
        }
        let tag = self.tag(tenant, lane);
        let in_lane = &mut self.tenants[tenant].lanes[lane];
        in_lane.turn = turn;
        in_lane.score = if turn == Turn::Back { in_lane.ahead as f64 - 1e15 } else { tag };
        let is_active = (0..TENANTS.len()).any(|n| TENANTS[n].0 == class && self.has_turn(n, lane));
        match self.active.iter().position(|one| *one == (class, lane)) {
            None if is_active => self.active.push((class, lane)),
            Some(at) if !is_active => drop(self.active.remove(at)),
            _ => {}
        }
    }

    /// After a change to how many jobs a tenant runs.
    fn settle_all(&mut self, tenant: usize, lane: usize, was_charged: bool) {
        self.settle(tenant, lane, was_charged);
        let (most, running) = (TENANTS[tenant].3, self.tenants[tenant].running);
        if most > 0 && (running == most || running + 1 == most) {
            // In the order of the names of the lanes.
            (0..LANES).filter(|other| *other != lane).for_each(|other| self.settle(tenant, other, false));
        }
    }

    /// The tenant of a class and lane whose turn it is, and its tag.
    fn head(&mut self, class: Class, lane: usize) -> Option<(usize, f64)> {
        loop {
            let turns = (0..TENANTS.len()).filter(|n| TENANTS[*n].0 == class && self.has_turn(*n, lane));
            let mut turns: Vec<usize> = turns.collect();
            // Equal tags are ordered by name, which is the order here.
            turns.sort_by(|a, b| self.score(*a, lane).total_cmp(&self.score(*b, lane)));
            let (tenant, score) = (*turns.first()?, self.score(*turns.first()?, lane));
            if score < 0.0 {
                return Some((tenant, score));
            }
            let tag = self.tag(tenant, lane);
            if tag <= score || turns.len() == 1 {
                return Some((tenant, tag));
            }
            self.tenants[tenant].lanes[lane].score = tag;
        }
    }

    fn score(&self, tenant: usize, lane: usize) -> f64 {
        self.tenants[tenant].lanes[lane].score
    }

    /// The tenant and lane whose turn it is for a worker of a pool.
    fn next_turn(&mut self, pool: usize) -> Option<(usize, usize)> {
        let mut first: BTreeMap<Class, (f64, (usize, usize))> = BTreeMap::new();
        for (class, lane) in self.active.clone() {
            if covers(pool, class, lane)
                && let Some((tenant, tag)) = self.head(class, lane)
                && first.get(&class).is_none_or(|(least, _)| tag < *least)
            {
                first.insert(class, (tag, (tenant, lane)));
            }
        }
        if pool == TEST_POOL {
            return first.get(&Class::Test).map(|(_, turn)| *turn);
        }
        match (first.get(&Class::Agent), first.get(&Class::User)) {
            (Some((tag, agent)), _) if *tag < 0.0 => Some(*agent),
            (_, Some((tag, user))) if *tag < 0.0 => Some(*user),
            (Some((_, agent)), Some((_, user))) => {
                let is_agent = self.agents_in_a_row + 1 < USERS_SHARE;
                self.agents_in_a_row = if is_agent { self.agents_in_a_row + 1 } else { 0 };
                Some(if is_agent { *agent } else { *user })
            }
            (agent, user) => {
                self.agents_in_a_row = 0;
                agent.or(user).map(|(_, turn)| *turn)
            }
        }
    }

    /// Takes the next job for a worker of a pool, under the lease of this number.
    pub(crate) fn lease(&mut self, pool: usize, number: usize) -> Option<JobId> {
        let (tenant, lane) = self.next_turn(pool)?;
        let ((is_new, _), id) = self.tenants[tenant].lanes[lane].waiting.pop_first().unwrap();
        if is_new {
            let (class, weight) = (TENANTS[tenant].0 as usize, Self::weight(tenant));
            let start = self.tag(tenant, lane).max(self.pool_clocks[class][pool] - LAG / weight);
            let account = &mut self.tenants[tenant];
            account.lanes[lane].offset = Some(start - account.served);
            account.served += 1.0 / weight;
            self.clocks[class][lane] = self.clocks[class][lane].max(start) + TIE;
            self.pool_clocks[class][pool] = self.pool_clocks[class][pool].max(start);
        }
        self.tenants[tenant].running += 1;
        self.settle_all(tenant, lane, is_new);
        let job = self.of(id);
        job.attempt += 1;
        job.has_begun = false;
        job.place = Place::With(number);
        Some(id)
    }

    /// Whether lease `n` of `id` is the live one; if not, a refused write is counted.
    pub(crate) fn holds(&mut self, id: JobId, n: usize) -> bool {
        let holds = self.of(id).place == Place::With(n);
        self.fenced += u64::from(!holds);
        holds
    }

    /// Moves a job to `place`.
    fn leave(&mut self, id: JobId, place: Place) {
        let job = self.of(id);
        let (tenant, lane) = (job.tenant, job.lane);
        match std::mem::replace(&mut job.place, place) {
            Place::With(_) => self.tenants[tenant].running -= 1,
            _ => self.tenants[tenant].lanes[lane].waiting.retain(|_, job| *job != id),
        }
        self.settle_all(tenant, lane, false);
    }

    pub(crate) fn end(&mut self, id: JobId, state: JobState) {
        self.leave(id, Place::Over(state));
    }

    /// Requeues a running job without delay.
    fn give_back(&mut self, id: JobId) {
        let job = self.of(id);
        let (tenant, lane) = (job.tenant, job.lane);
        self.tenants[tenant].running -= 1;
        self.join(id, true);
        self.settle_all(tenant, lane, false);
    }

    pub(crate) fn due(&mut self, id: JobId) {
        self.join(id, true);
    }

    /// The attempt failed. Returns the state after it.
    pub(crate) fn fail(&mut self, id: JobId, retryable: bool) -> JobState {
        let job = self.of(id);
        if job.is_cancelled {
            self.end(id, JobState::Cancelled);
        } else if !retryable {
            self.end(id, JobState::Failed);
        } else if job.attempt >= MAX_ATTEMPTS {
            self.end(id, JobState::Failed);
            self.dead += 1;
        } else {
            self.leave(id, Place::Delayed);
        }
        self.of(id).state()
    }

    /// The step is done and the next one waits, in another lane.
    pub(crate) fn hand_over(&mut self, id: JobId, lane: usize) -> JobState {
        let job = self.of(id);
        if job.is_cancelled {
            self.end(id, JobState::Cancelled);
        } else {
            (job.attempt, job.lane, job.spared, job.has_next) = (0, lane, 0, false);
            self.give_back(id);
        }
        self.of(id).state()
    }

    pub(crate) fn release(&mut self, id: JobId) {
        let job = self.of(id);
        if job.is_cancelled {
            return self.end(id, JobState::Cancelled);
        }
        job.attempt -= 1;
        self.give_back(id);
    }

    /// The lease of the job ran out.
    pub(crate) fn expire(&mut self, id: JobId) {
        self.reclaimed += 1;
        let job = self.of(id);
        if job.is_cancelled {
            self.end(id, JobState::Cancelled);
        } else if !job.has_begun && job.spared < SPARED {
            job.spared += 1;
            self.release(id);
        } else if job.attempt >= MAX_ATTEMPTS {
            self.end(id, JobState::Failed);
            self.dead += 1;
        } else {
            self.give_back(id);
        }
    }

    pub(crate) fn cancel(&mut self, id: JobId) -> JobState {
        let job = self.of(id);
        match job.state() {
            JobState::Queued => self.end(id, JobState::Cancelled),
            JobState::Running => job.is_cancelled = true,
            _ => {}
        }
        self.of(id).state()
    }

    pub(crate) fn in_place(&self, wanted: impl Fn(&Place) -> bool) -> Vec<JobId> {
        self.jobs.iter().filter(|(_, job)| wanted(&job.place)).map(|(id, _)| *id).collect()
    }

    /// Jobs of a tenant that wait, and that run.
    pub(crate) fn load_of(&self, tenant: usize) -> (u64, u64) {
        let count =
            |state| self.jobs.values().filter(|job| job.tenant == tenant && job.state() == state).count() as u64;
        (count(JobState::Queued), count(JobState::Running))
    }
}
