//! The queue's state machine in plain Rust, without Redis: jobs, tenants' lines, and whose turn it is.

use domain::{Class, JobId, JobState};
use std::collections::BTreeMap;

pub(crate) const MAX_ATTEMPTS: u32 = 2;
pub(crate) const USERS_SHARE: u32 = 3;
/// Leases that may be lost without an attempt being counted.
const SPARED: u32 = 10;

/// Who submits: class, name, weight, most running.
pub(crate) const TENANTS: [(Class, &str, f64, u64); 5] = [
    (Class::Agent, "a", 1.0, 0),
    (Class::Agent, "b", 2.0, 2),
    (Class::User, "a", 1.0, 1),
    (Class::User, "c", 0.5, 0),
    (Class::Test, "a", 1.0, 1),
];

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Place {
    /// In its tenant's line.
    Line,
    Delayed,
    /// With the lease of this number.
    With(usize),
    Over(JobState),
}

#[derive(Debug)]
pub(crate) struct ModelJob {
    pub(crate) tenant: usize,
    pub(crate) place: Place,
    pub(crate) attempt: u32,
    /// Leases that did not count.
    pub(crate) spared: u32,
    pub(crate) has_begun: bool,
    pub(crate) is_cancelled: bool,
}

impl ModelJob {
    pub(crate) fn state(&self) -> JobState {
        match self.place {
            Place::Line | Place::Delayed => JobState::Queued,
            Place::With(_) => JobState::Running,
            Place::Over(state) => state,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tenant {
    /// Whether a job came back, and its arrival: what came back goes first.
    pub(crate) line: BTreeMap<(bool, u64), JobId>,
    pub(crate) running: u64,
    pub(crate) has_turn: bool,
    vtime: f64,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) jobs: BTreeMap<JobId, ModelJob>,
    pub(crate) tenants: [Tenant; 5],
    pub(crate) dead: u64,
    pub(crate) fenced: u64,
    pub(crate) reclaimed: u64,
    /// Each class's virtual time.
    clocks: [f64; 3],
    agents_in_a_row: u32,
    arrivals: u64,
}

impl Model {
    pub(crate) fn of(&mut self, id: JobId) -> &mut ModelJob {
        self.jobs.get_mut(&id).unwrap()
    }

    pub(crate) fn submit(&mut self, id: JobId, tenant: usize) {
        let place = Place::Line;
        let job = ModelJob { tenant, place, attempt: 0, spared: 0, has_begun: false, is_cancelled: false };
        self.jobs.insert(id, job);
        self.join(id, false);
    }

    fn join(&mut self, id: JobId, came_back: bool) {
        self.arrivals += 1;
        let (arrival, job) = (self.arrivals, self.of(id));
        job.place = Place::Line;
        let tenant = job.tenant;
        // `false` sorts first.
        self.tenants[tenant].line.insert((!came_back, arrival), id);
        self.settle(tenant);
    }

    fn settle(&mut self, n: usize) {
        let (class, _, _, most) = TENANTS[n];
        let tenant = &mut self.tenants[n];
        let has_turn = !tenant.line.is_empty() && (most == 0 || tenant.running < most);
        if has_turn && !tenant.has_turn {
            tenant.vtime = tenant.vtime.max(self.clocks[class as usize]);
        }
        tenant.has_turn = has_turn;
    }

    /// The tenant of a class whose turn it is, and whether its first job came back.
    fn head(&self, class: Class) -> Option<(usize, bool)> {
        let turns = self.tenants.iter().enumerate().filter(|(n, tenant)| TENANTS[*n].0 == class && tenant.has_turn);
        let key = |tenant: &Tenant| {
            let (is_new, arrival) = *tenant.line.keys().next().unwrap();
            (is_new, if is_new { tenant.vtime } else { arrival as f64 })
        };
        // Of equals the first by name, which is the first here.
        let (n, tenant) = turns.min_by(|(_, a), (_, b)| key(a).partial_cmp(&key(b)).unwrap())?;
        Some((n, !key(tenant).0))
    }

    fn next_tenant(&mut self) -> Option<usize> {
        match (self.head(Class::Agent), self.head(Class::User)) {
            (Some((agent, true)), _) => Some(agent),
            (_, Some((user, true))) => Some(user),
            (Some((agent, _)), Some((user, _))) => {
                let is_agent = self.agents_in_a_row + 1 < USERS_SHARE;
                self.agents_in_a_row = if is_agent { self.agents_in_a_row + 1 } else { 0 };
                Some(if is_agent { agent } else { user })
            }
            (agent, user) => {
                self.agents_in_a_row = 0;
                agent.or(user).map(|(tenant, _)| tenant)
            }
        }
    }

    /// Takes the next job, of test jobs or of all others, under the lease of this number.
    pub(crate) fn lease(&mut self, is_test: bool, number: usize) -> Option<JobId> {
        let n = if is_test { self.head(Class::Test).map(|(n, _)| n) } else { self.next_tenant() }?;
        let ((is_new, _), id) = self.tenants[n].line.pop_first().unwrap();
        if is_new {
            let (class, _, weight, _) = TENANTS[n];
            let (clock, vtime) = (&mut self.clocks[class as usize], &mut self.tenants[n].vtime);
            *clock = clock.max(*vtime) + 1e-6;
            *vtime += 1.0 / weight;
        }
        self.tenants[n].running += 1;
        self.settle(n);
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

    /// A job leaves where it is, for `place`.
    fn leave(&mut self, id: JobId, place: Place) {
        let job = self.of(id);
        let (tenant, before) = (job.tenant, std::mem::replace(&mut job.place, place));
        match before {
            Place::With(_) => self.tenants[tenant].running -= 1,
            _ => self.tenants[tenant].line.retain(|_, job| *job != id),
        }
        self.settle(tenant);
    }

    pub(crate) fn end(&mut self, id: JobId, state: JobState) {
        self.leave(id, Place::Over(state));
    }

    /// A running job comes back at once.
    fn give_back(&mut self, id: JobId) {
        // One move: the tenant is looked at once, when the job has both left its worker and joined the line.
        let tenant = self.of(id).tenant;
        self.tenants[tenant].running -= 1;
        self.join(id, true);
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

    pub(crate) fn release(&mut self, id: JobId) {
        let job = self.of(id);
        if job.is_cancelled {
            return self.end(id, JobState::Cancelled);
        }
        job.attempt -= 1;
        job.spared += 1;
        self.give_back(id);
    }

    /// The job's lease ran out.
    pub(crate) fn expire(&mut self, id: JobId) {
        self.reclaimed += 1;
        let job = self.of(id);
        if !job.has_begun && job.spared < SPARED {
            self.release(id);
        } else if job.is_cancelled {
            self.end(id, JobState::Cancelled);
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
