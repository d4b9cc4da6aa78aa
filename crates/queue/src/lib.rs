//! The life of a job in Redis: submission, waiting, lease, renewal, end, recovery, watching, dead letters.
//!
//! This is the only crate that knows the keys of jobs. It carries ids and small JSON; images and meshes go by
//! reference.
//!
//! # Use
//! * [`Queue`]: the gateway and the status service [submit](Queue::submit), read, list, cancel and
//!   [watch](Queue::watch).
//! * [`Worker`] leases jobs that its capabilities cover. Each is a [`Lease`], renewed while it runs and ended by
//!   consuming it.
//! * [`Outbox`]: the stream of domain events, with one position for each named group of readers.
//! * [`DeadLetter`]: a job that used up its attempts, and how it is redriven.
//! * [`LaneStatus`], [`Depth`], [`Counters`]: numbers for metrics and readiness.
//!
//! # Guarantees
//! 1. **An acknowledged job is never lost**, as far as Redis keeps what it acknowledged. (With `appendfsync everysec`
//!    that is all but the last second before a crash of the machine.) It reaches a terminal state as long as a worker
//!    that covers it exists.
//! 2. **Delivery is at least once; the result counts once.** A worker that is slow, suspended or cut off may still
//!    compute when its job has been leased to another. Every write that it then makes is refused.
//! 3. **Terminal states never change.** A dead letter is redriven as a new job.
//! 4. **Every move is atomic.** Each is one operation of a script, and Redis runs a script as a whole. A submission
//!    that is refused (no room, no memory, another request) has written nothing; of a batch all jobs are accepted or
//!    none.
//! 5. **A call that is repeated because its answer was lost has the effect of one call.** This crate does repeat calls.
//! 6. **Time without Redis is charged to no job.** Leases that run out during an outage are spared until their workers
//!    have had time to renew them; ends are reported until Redis takes them.
//! 7. **No tenant delays another**: a tenant with 10,000 waiting jobs and one with ten get turns in proportion to their
//!    weights. Agents go before users, and users keep their share.
//! 8. **A record that cannot be read affects only itself.** In a page it is an entry of its own; a worker hands it back
//!    without a charge, and after 30 such refusals it fails as `unsupported_job`. Unknown fields of stored records are
//!    ignored.
//!
//! # Keys
//! All keys begin with a prefix and the hash tag `{queue}`, so that scripts may use all of them on one node of a
//! cluster. A *tenant* is written `class:owner`. A *lane* is [`domain::Needs::lane`]: jobs with equal needs share one.
//! A *pool* is the set of workers with equal capabilities; its name lists them.
//!
//! | key | type | content |
//! | --- | --- | --- |
//! | `job:<id>` | hash | the job, see below; or `tenant`, `fingerprint` and `alias`: the job that stands for this id |
//! | `waiting:<tenant>@<lane>` | sorted set | the waiting jobs of a tenant by arrival; requeued ones first |
//! | `turns:<class>:<lane>` | sorted set | tenants whose turn may come, by start tag; those with a requeued job first |
//! | `tenant:<tenant>` | hash | its account: `queued`, `running`, `served`, `weight`, `max_running`; and for each lane `waiting`, `back`, `ahead`, `turn`, `offset` |
//! | `numbers` | hash | counters, loads, the lanes with turns; for each lane its clock, numbers of waiting and running jobs, average run time; clocks of pools |
//! | `wake:<pool>` | sorted set | one token while a worker of the pool should look for jobs |
//! | `delayed` | sorted set | jobs that wait for a retry, by the time when they are due |
//! | `leases` | sorted set | running jobs, by the time when their lease runs out |
//! | `jobs:<tenant>` | sorted set | the jobs of a tenant that may still be known, by arrival |
//! | `same:<digest>` | string | the job that was last made for a request |
//! | `batch:<id>` | hash | a batch: its tenant, its jobs, and how many of them are `open` |
//! | `events:<id>` | stream | the latest 256 events of a job; also the channel that announces them |
//! | `outbox` | stream | the latest 100,000 domain events, about |
//! | `dead` | stream | the latest 10,000 dead letters, about |
//! | `workers`, `alive`, `pools` | hash, sorted set, hash | announcements of workers; until when they count as alive; numbers of workers and slots of each pool |
//!
//! The hash of a job: `job` (JSON as submitted), `tenant`, `lane`, `state`, `attempt` (attempts at the present step
//! that count), `events` (number of the latest event), `started`, `finished`; if given `fingerprint`, `batch`; after a
//! hand-over `step` and `artifacts`; while it runs `worker`, `token`, `leased`, `max` (attempts allowed), `progress`,
//! `milestone`, `cancel`; `ended` (the token of the last attempt that its own worker ended), `spared`, `refused`; and
//! at the end `result` or `failure`.
//!
//! All times are milliseconds by the clock of Redis: no two machines need to agree on the time. (Only `submitted_ms`,
//! on which no move depends, is by the clock of the submitter.)
//!
//! # Moves
//! ```text
//!               submit                 lease                    succeeded
//!            ───────────▶  queued  ───────────────▶  running  ─────────────▶  succeeded
//!                            │ ▲                     │  │  │      failed
//!                     cancel │ │ released, failed,   │  │  └──────────────▶  failed (+ dead letter)
//!                            ▼ │ lost, handed over   │  │       cancelled
//!                    cancelled └─────────────────────┘  └─────────────────▶  cancelled
//! ```
//! The scripts are in `src/scripts/`; what they share is in `prelude.lua`, `lanes.lua`, `places.lua` and `moves.lua`.
//!
//! * **submit** first reads, then writes. A job of the same id answers, unless its fingerprint shows another request;
//!   then a job that makes the same and waits, runs, or has recently succeeded; then bounds are checked; and then the
//!   new jobs wait.
//! * **lease** takes one job after another from the tenant whose turn it is, in the lanes that the worker covers. When
//!   there is none, the worker blocks until its pool has a token. A token is written for each pool that covers a lane
//!   when the lane gets its first turn; a worker that took one writes another when it leaves turns behind. So one
//!   worker wakes at a time, and no job is missed. Workers also look once a second. Test jobs are for [test
//!   workers](Queue::test_worker) only.
//! * **renew** (with or without progress) extends the lease, and returns whether the owner wants the job cancelled.
//! * **end** is the end of an attempt reported by its worker: succeeded, failed, released, cancelled, handed over,
//!   refused. A retryable failure goes to `delayed` for a pause that doubles with each attempt (1 s to 60 s, less up to
//!   half of it at random); `released` precedes waiting jobs and gives the attempt back.
//! * **hand over**: a job may have further steps. The artifacts so far are stored, and the job waits ahead in the lane
//!   of its next step. It keeps its id, its events and its place in the account of its tenant; attempts are counted for
//!   each step.
//! * **sweep** moves what is due from `delayed`, takes back leases that ran out, at most 100 of each, and forgets
//!   workers that are gone. Every worker sweeps once a second. A lost job is dispatched again at most a lease and a
//!   second later. The attempt counts if any progress was reported in it; otherwise the job is spared, ten times at
//!   most.
//! * **cancel** ends a queued job at once. A running one is marked, which is announced to its worker
//!   ([`Lease::cancel_requested`]) and returned by its next renewal. If it succeeds before that, it has succeeded;
//!   every other end makes it cancelled.
//! * **redrive** submits the job of a dead letter under a new id.
//!
//! # Turns
//! Start-time fair queueing in each class. A tenant is charged 1 / weight for each dispatch, in one account for all
//! lanes (`served`), so that a tenant with jobs in several lanes gets no more than one with jobs in one. In each lane
//! it has an offset; the sum is its start tag, and the least tag goes next. A tenant that comes back starts at no less
//! than the clock of the lane: it saves no turns. Lanes progress at different rates where fewer workers cover them; a
//! tenant may be behind or ahead by 8 of its own turns at most, so that none is starved when a lane gets workers. Tags
//! that became too low by a dispatch in another lane are corrected when they come first.
//!
//! Tenants that run as many jobs as they may have no turn, in any lane. A requeued job goes before all others and is not
//! charged again. Among classes agents go first, and of every `--users-share` turns while users
//! wait one is a user's.
//!
//! At most 512 lanes have stored numbers. Those of a lane without jobs are removed an hour after its latest dispatch, or
//! earlier when another lane needs the room; a submission that finds no room is refused. Names of kinds and models are
//! parts of the names of lanes and pools, so [`domain::check_name`] bounds their characters.
//!
//! # Tokens
//! Each lease has a random token, and every write of a worker carries its token and its name. A script that finds
//! another token or worker, or a job that is not running, changes nothing, counts `fenced`, and the caller gets
//! [`Error::Lost`]. A counter would not do: when Redis loses its last second, the next lease would get the same number
//! again.
//!
//! # Outages
//! Only [`Error::Lost`] ends an attempt. Every process with a worker sweeps once a second; when none has for three
//! seconds, Redis was not available (or all processes were suspended), and leases are spared for the next ten. A worker
//! that alone is cut off cannot be told from one that crashed: its lease runs out and its late writes are refused.
//!
//! # Events
//! Events are numbered within their job from 1 without gaps ([`EventId`]). The first (`queued`), the start of the first
//! attempt and the end follow from the hash and are not stored: a stream of one entry takes 4 KB. The stream is deleted
//! ten minutes after the end; the hash, which stays for the whole retention, still has the last event.
//!
//! # Cost
//! One round trip each: [`submit`](Queue::submit) and [`submit_batch`](Queue::submit_batch), [`record`](Queue::record),
//! [`entry`](Queue::entry), [`position`](Queue::position), [`jobs_of`](Queue::jobs_of), [`batch`](Queue::batch),
//! [`cancel`](Queue::cancel), [`depth`](Queue::depth), [`renew`](Lease::renew), [`progress`](Lease::progress), and each
//! way to end a lease. [`lease`](Worker::lease) takes one when a job waits, two more when it has to wait. A submission
//! is 12 Redis commands, lease and end together are 25 (26 when several tenants wait). Concurrent operations of a
//! process share calls (`commit.rs`): then they are 6 and 14. A queued job takes about 1.4 KB of Redis memory, 1.8 KB
//! with fingerprint, cache key and batch. Tests check these figures (`tests/it/cost.rs`). No script looks at more jobs
//! than it moves, but for estimates (16 tenants) and lists (1,000 entries).
//!
//! # Connections
//! Four multiplexed connections for all short commands ([`redis_client::Connections`]); one for blocking reads for each
//! worker, without a response timeout; one subscription for all watchers of a process.
//!
//! # Invariants
//! Tests check these after every step of random sequences of operations, against a reference in plain Rust
//! (`tests/it/model.rs`, `tests/it/reference.rs`): a job is `running` exactly when it is in `leases`, and `queued`
//! exactly when it is in `waiting` or `delayed`; a tenant has a turn in a lane exactly when it has a job waiting there
//! and runs fewer than it may; loads and accounts count what there is; the hash of a terminal job has a time to live,
//! and so has the account of an idle tenant.

mod batch;
mod commit;
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
mod references;
mod repeated;
mod scripts;
mod server;
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
pub use numbers::{Counters, Depth, LaneStatus, Load};
pub use options::{InvalidRedisUrl, LeaseOptions, RedisOptions, RedisUrl};
pub use outbox::{DomainEvent, Outbox, OutboxEntry};
pub use position::QueuePosition;
pub use queue::{Queue, Swept};
pub use submit::{MAX_BATCH, Submission, SubmitOutcome, Submitted, TenantBounds};
pub use worker::Worker;
