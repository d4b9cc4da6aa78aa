//! The job's life in Redis: submit, wait in line, lease, renew, finish, fail, reclaim, watch, dead letters.
//!
//! This is the only crate that knows a Redis key. It carries ids and small JSON; images and meshes go by reference.
//!
//! # In use
//! * [`Queue`]: gateway and status [submit](Queue::submit), ask, list, cancel and [watch](Queue::watch).
//! * [`Worker`] takes jobs; each is a [`Lease`], renewed while it runs and ended by consuming it.
//! * [`Outbox`]: the stream of domain events.
//! * [`DeadLetter`]: what used up its attempts, and how it is tried again.
//!
//! # What is promised
//! 1. **A job that was acknowledged is never lost**, as far as Redis keeps what it acknowledged. (With
//!    `appendfsync everysec` that is all but the last second before a power cut.) It comes to a terminal state as long
//!    as there is a worker, or somebody who calls [`Queue::sweep`].
//! 2. **Delivery is at least once; the result counts once.** A worker that is slow, frozen or cut off may still be at
//!    work when its job is with another. Everything it then writes is refused: progress, result, failure, all of it.
//! 3. **Terminal states never change.** A dead letter is redriven as a new job.
//! 4. **No move is ever half done.** Each is one script, and Redis runs a script as a whole. A submission that is
//!    refused (no room, no memory, another request) has written nothing; of a batch all jobs are taken or none.
//! 5. **A call that is repeated because its answer got lost has the effect of one.** This crate does repeat calls.
//! 6. **An outage of Redis is not held against workers.** In the first 5 seconds after a restart is noticed, leases
//!    that ran out meanwhile are not taken back.
//! 7. **No tenant keeps another waiting**: one with 10,000 jobs in line and one with ten get the same number of turns,
//!    as far as their weights are the same. Agents go before users, but users always have their share.
//!
//! # What is in Redis
//! All keys begin with a prefix and the hash tag `{queue}`: one cluster node holds them, so scripts may touch them all.
//! A *tenant* is written `class:owner`: who has jobs in two classes has two lines.
//!
//! | key | type | what it is |
//! | --- | --- | --- |
//! | `job:<id>` | hash | everything about a job; see below |
//! | `line:<tenant>` | sorted set | a tenant's jobs that wait, by arrival; those that came back from a worker first |
//! | `turn:<class>` | sorted set | tenants whose turn may come, by virtual time; those with a job that came back first |
//! | `tenant:<tenant>` | hash | numbers of its jobs `queued` and `running`; `weight`, `max_running`, `vtime` |
//! | `clocks` | hash | each class's virtual time, and how many agents have gone since the last user |
//! | `wake:made`, `wake:test` | stream | one entry, the latest change from nobody to somebody whose turn may come |
//! | `delayed` | sorted set | jobs that wait for a retry, by the time when they are due |
//! | `leases` | sorted set | running jobs, by the time when their lease runs out |
//! | `open` | sorted set | all jobs that have not ended, by the time of their submission |
//! | `load` | hash | numbers of queued and running jobs by class |
//! | `jobs:<tenant>` | sorted set | a tenant's jobs that may still be known, by arrival |
//! | `same:<digest>` | string | the job that was last made for a request; for a day, or for as long as results are cached |
//! | `alias:<id>` | hash | the job that stands for an id under which nothing was made, as it had been made already |
//! | `batch:<id>` | hash | a batch: its tenant, its jobs, and how many of them are `open` |
//! | `events:<id>` | stream | the last 256 events of a job; also the channel that announces them |
//! | `ended` | stream | ended jobs that somebody is to be told of, the latest 100,000 or so, until confirmed |
//! | `dead` | stream | dead letters, the latest 10,000 or so, each with all that a redrive needs |
//! | `workers`, `seats` | hash, string | cards of workers, and their seats together, while they are alive |
//! | `pace` | hash | how long a job runs, an average that follows |
//! | `counters` | hash | numbers that only grow: `enqueued`, `fenced`, `reclaimed`, `succeeded`, `cached`, … |
//! | `server` | hash | which run of the Redis server was seen last, and until when lost leases are spared |
//! | `handed` | hash | for each worker: the ids that its last lease brought, in case that the answer got lost |
//!
//! A job's hash: `job` (JSON as submitted), `tenant`, `state`, `attempt` (attempts that count), `fence` (leases ever
//! taken), `ended` (the fence of the last attempt that its own worker ended), `events` (number of the latest event),
//! `started`, `finished`; if given `fingerprint`, `batch`, `notify`; while it runs `worker`, `leased`, `max` (attempts
//! allowed), `progress`, `cancel`; and at the end `result` or `failure`.
//!
//! All times are milliseconds by the clock of Redis: no two machines need to agree on the time. (Only `submitted_ms`,
//! which no move depends on, is the submitter's own.)
//!
//! # How a job moves
//! ```text
//!               submit                 lease                    succeeded
//!            ───────────▶  queued  ───────────────▶  running  ─────────────▶  succeeded
//!                            │ ▲                     │  │  │      failed
//!                     cancel │ │ released, failed,   │  │  └──────────────▶  failed (+ dead letter)
//!                            ▼ │ lease ran out       │  │       cancelled
//!                    cancelled └─────────────────────┘  └─────────────────▶  cancelled
//! ```
//! Every arrow is one script in `src/scripts/`; what they share is in `prelude.lua`, `fair.lua` and `moves.lua`.
//!
//! * **submit** first looks, then writes. A job of the same id answers, unless it was another request (its fingerprint
//!   tells); then a job of the same thing that waits, runs, or has lately succeeded; then bounds are held against what
//!   there is; and then the new jobs join their tenant's line.
//! * **lease** first [sweeps](Queue::sweep), then takes one job after another from the tenant whose turn it is. When
//!   there is nobody's turn, the worker waits with a blocking read for an entry of `wake` later than the script saw. One
//!   is written whenever a tenant's turn may come that could not before, so no arrival is missed, and a worker that stops
//!   waiting has taken nothing. All idle workers wake for one job; one of them gets it. A call that is repeated, because
//!   its answer got lost, brings what it brought the first time. Test jobs are for [test
//!   workers](Queue::test_worker) only.
//! * **renew** (with or without progress) moves the lease's end, and answers whether the owner wants the job cancelled.
//! * **end** is the attempt's own end: succeeded, failed, released, cancelled. A retryable failure goes to `delayed` for
//!   a pause that doubles with each attempt (1 s to 60 s, less up to half of it by chance); `released` goes to the head
//!   of the line and gives the attempt back.
//! * **sweep** moves what is due from `delayed` into its line, and takes back leases that ran out, at most 100 of each
//!   per call. Every worker calls it once a second: a lost job is dispatched again at most a lease and a second later.
//!   The attempt counts if any progress had been told in it; a job that only lay with a worker when that was lost is
//!   spared, ten times at most.
//! * **cancel** ends a queued job at once. A running one gets a mark, which is announced to its worker
//!   ([`Lease::cancel_requested`]) and seen at the next renewal in any case. If it succeeds before that, it has succeeded; in
//!   every other way out it becomes cancelled.
//! * **redrive** submits a dead letter's job under a new id.
//!
//! # Whose turn it is
//! Within a class by start-time fair queueing: the tenant with the least virtual time goes next, and is charged
//! 1 / weight for it. A tenant that comes back, or may run again, starts at no less than the class's virtual time: nobody
//! saves up. Tenants that run as many jobs as they may have no turn, and so cost nobody any time. What came back from a
//! worker goes before all else and is not charged again. Among classes agents go first, and of every `--users-share`
//! turns while users wait one is a user's.
//!
//! # The fence
//! Each lease of a job has a higher fence than the one before, and every write of a worker names its own. A script that
//! finds another fence, or a job that is not running, changes nothing, counts `fenced`, and the caller gets
//! [`Error::Lost`]. The fence is not the attempt number that clients see: handing a job back costs no attempt, but the
//! next lease must still be told apart from that one.
//!
//! # Events
//! Events are numbered within their job from 1 without gaps ([`EventId`]). The first, `queued`, is implied by the hash
//! and not stored: a Redis stream of one entry takes 4 KB, and most of a long queue has no other event. Ten minutes after
//! the end the stream goes; the hash, which stays for the whole retention, still tells the last event.
//!
//! # What it costs
//! One round trip each: [`submit`](Queue::submit) and [`submit_batch`](Queue::submit_batch), [`record`](Queue::record),
//! [`position`](Queue::position), [`jobs_of`](Queue::jobs_of), [`cancel`](Queue::cancel), [`depth`](Queue::depth),
//! [`renew`](Lease::renew), [`progress`](Lease::progress), and each way to end a lease. [`lease`](Worker::lease) takes one
//! when a job waits, two more when it has to wait for one. A queued job takes about 1.3 KB of Redis memory, 1.7 KB with
//! fingerprint, cache key and batch. Tests hold these figures (`tests/it/cost.rs`). No script looks at more jobs than it
//! moves, but for estimates (16 tenants) and lists (1,000 entries).
//!
//! # Connections
//! Four multiplexed connections for all short commands (`redis_client::Connections`); one for blocking reads for each
//! worker, without a response timeout; one for all watchers of a process together.
//!
//! # Invariants
//! Tests check these after every step of random sequences of operations, against a reference in plain Rust
//! (`tests/it/model.rs`, `tests/it/reference.rs`): a job is `running` exactly when it is in `leases`, and `queued` exactly
//! when it is in one of its tenant's `line` and `delayed`; it is in `open` exactly while it is one of both; a tenant is
//! in `turn` exactly when it has a job in line and runs fewer than it may; `load` and `tenant` count what there is; a
//! terminal job's hash has a time to live, and so has an idle tenant's.

mod batch;
mod dead;
mod entry;
mod error;
mod events;
mod fleet;
mod hub;
mod keys;
mod lease;
mod listing;
mod numbers;
mod options;
mod outbox;
mod position;
mod queue;
mod scripts;
mod submit;
mod watch;
mod worker;

pub use batch::{BatchRecord, Member};
pub use dead::DeadLetter;
pub use entry::{JobEntry, UnreadableJob};
pub use error::Error;
pub use events::EventId;
pub use lease::{Lease, Renewal};
pub use listing::{Cursor, Page};
pub use numbers::{Counters, Depth, Load};
pub use options::{InvalidRedisUrl, LeaseOptions, RedisOptions, RedisUrl};
pub use outbox::{DomainEvent, Outbox, OutboxEntry};
pub use position::QueuePosition;
pub use queue::{Queue, Swept};
pub use submit::{MAX_BATCH, Submission, SubmitOutcome, Submitted, TenantBounds};
pub use worker::Worker;
