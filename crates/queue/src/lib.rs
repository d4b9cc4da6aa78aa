//! The job's life in Redis: submit, lease, renew, finish, fail, reclaim, watch, dead letters.
//!
//! This is the only crate that knows a Redis key. It carries ids and small JSON; images and meshes go by reference.
//!
//! # In use
//! * [`Queue`]: gateway and status submit, ask, cancel and [watch](Queue::watch).
//! * [`Worker`] takes jobs; each is a [`Lease`], renewed while it runs and ended by consuming it.
//! * [`DeadLetter`]: what used up its attempts, and how it is tried again.
//!
//! # What is promised
//! 1. **A job that was acknowledged is never lost**, as far as Redis keeps what it acknowledged. (With
//!    `appendfsync everysec` that is all but the last second before a power cut.) It comes to a terminal state as long
//!    as there is a worker, or somebody who calls [`Queue::sweep`].
//! 2. **Delivery is at least once; the result counts once.** A worker that is slow, frozen or cut off may still be at
//!    work when its job is with another. Everything it then writes is refused: progress, result, failure, all of it.
//! 3. **Terminal states never change.** A dead letter is redriven as a new job.
//! 4. **No move is ever half done.** Each is one script, and Redis runs a script as a whole. A submission that Redis
//!    has no memory for is refused before it begins.
//! 5. **A call that is repeated because its answer got lost has the effect of one.** This crate does repeat calls.
//! 6. **An outage of Redis is not held against workers.** In the first 5 seconds after a restart is noticed, leases
//!    that ran out meanwhile are not taken back.
//!
//! # What is in Redis
//! All keys begin with a prefix and the hash tag `{queue}`: one cluster node holds them, so scripts may touch them all.
//!
//! | key | type | what it is |
//! | --- | --- | --- |
//! | `job:<id>` | hash | everything about a job; see below |
//! | `lane:standard` | stream | jobs that wait to be dispatched for the first time; entries hold the id |
//! | `lane:returned` | stream | jobs that came back from a worker; emptied first, as they have waited already |
//! | `waiting` | sorted set | the jobs in the lanes, by lane and arrival: a job's rank is its place in line |
//! | `delayed` | sorted set | jobs that wait for a retry, by the time when they are due |
//! | `leases` | sorted set | running jobs, by the time when their lease runs out |
//! | `events:<id>` | stream | the last 256 events of a job; also the channel that announces them |
//! | `dead` | stream | dead letters, the latest 10,000 or so, each with all that a redrive needs |
//! | `counters` | hash | numbers that only grow: `enqueued`, `fenced`, `reclaimed`, `succeeded`, `failed`, `cancelled` |
//! | `server` | hash | which run of the Redis server was seen last, and until when lost leases are spared |
//! | `handed` | hash | for each worker: the ids that its last lease brought, in case that the answer got lost |
//!
//! A job's hash: `job` (JSON as submitted), `state`, `attempt` (attempts that count), `fence` (leases ever taken),
//! `ended` (the fence of the last attempt that its own worker ended), `events` (number of the latest event), `started`,
//! `finished`; while it waits or runs `lane` and `entry` (its place in a stream); while it runs `worker`, `max`
//! (attempts allowed), `progress`, `cancel`; and at the end `result` or `failure`.
//!
//! All times are milliseconds by the clock of Redis: no two machines need to agree on the time. (Only `submitted_ms`,
//! which nothing depends on, is the submitter's own.)
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
//! Every arrow is one script in `src/scripts/`; what they share is in `prelude.lua`.
//!
//! * **submit** makes the hash and puts the id into a lane, unless the queue is full or the job is there already.
//! * **lease** first [sweeps](Queue::sweep), then reads the lanes as a consumer of the group `workers`, under the
//!   worker's own name. Reading and leasing are the same script: there is no moment at which a job is in no set.
//!   When there is nothing, the worker waits with a blocking read that takes nothing: it only learns that a lane has
//!   grown, from the entry on that the script saw last. So no arrival is missed, and a worker that stops waiting has
//!   taken nothing. All idle workers wake for one job; one of them gets it. A call that is repeated, because its answer
//!   got lost, brings what it brought the first time.
//! * **renew** (with or without progress) moves the lease's end, and answers whether the owner wants the job cancelled.
//! * **end** is the attempt's own end: succeeded, failed, released, cancelled. It acknowledges and deletes the stream
//!   entry. A retryable failure goes to `delayed` for a pause that doubles with each attempt (1 s to 60 s, less up to
//!   half of it by chance); `released` goes to the head of the line and gives the attempt back.
//! * **sweep** moves what is due from `delayed` into a lane, and takes back leases that ran out, at most 100 of each per
//!   call. Every worker calls it once a second: a lost job is dispatched again at most a lease and a second later.
//! * **cancel** ends a queued job at once. A running one gets a mark that its worker sees at the next renewal. If it
//!   succeeds before that, it has succeeded; in every other way out it becomes cancelled.
//! * **redrive** submits a dead letter's job under a new id.
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
//! One round trip each: [`submit`](Queue::submit), [`record`](Queue::record), [`position`](Queue::position),
//! [`cancel`](Queue::cancel), [`depth`](Queue::depth), [`renew`](Lease::renew), [`progress`](Lease::progress), and each
//! way to end a lease. [`lease`](Worker::lease) takes one when a job waits, two more when it has to wait for one. A
//! queued job takes about 1.2 KB of Redis memory. Tests hold these figures (`tests/it/cost.rs`).
//!
//! # Connections
//! Four multiplexed connections for all short commands, from a `deadpool-redis` pool; one for blocking reads for each
//! worker, without a response timeout; one for all watchers of a process together.
//!
//! # Invariants
//! Tests check these after every step of random sequences of operations (`tests/it/model.rs`):
//! a job is `running` exactly when it is in `leases`, and `queued` exactly when it is in one of `waiting` and `delayed`;
//! a lane holds the entries of the jobs that wait in it and of those that were leased from it; the pending list
//! of the group holds exactly the latter; a terminal job is in no set, and its hash has a time to live.

mod batch;
mod card;
mod connections;
mod dead;
mod ended;
mod error;
mod events;
mod hub;
mod keys;
mod lease;
mod line;
mod listing;
mod numbers;
mod options;
mod queue;
mod record;
mod scripts;
mod submit;
mod watch;
mod worker;

pub use batch::{BatchRecord, Member};
pub use card::WorkerCard;
pub use dead::DeadLetter;
pub use ended::Ended;
pub use error::Error;
pub use events::EventId;
pub use lease::{Lease, Renewal};
pub use line::Line;
pub use listing::{Cursor, Page};
pub use numbers::{Counters, Depth, Load};
pub use options::{InvalidRedisUrl, LeaseOptions, RedisOptions, RedisUrl};
pub use queue::{Queue, Swept};
pub use submit::{How, MAX_BATCH, Submission, Submitted, TenantBounds};
pub use worker::Worker;
