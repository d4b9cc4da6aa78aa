//! Authentication, permissions, rate limits and audit.
//!
//! A *tenant* owns jobs: a program (an *agent*) or a person (a *user*). The [`Registry`] stores tenants and their keys in
//! Redis. A lookup returns a [`Candidate`], and verifying a bearer key or a signature turns it into a [`Caller`].
//!
//! * Key format: [`check_format`] detects mistyped keys offline.
//! * Encryption at rest: keys are hashed and secrets sealed under the [`MasterKey`], which [`Registry::reseal`] changes.
//! * Authorization: [`Permissions`] and [`Operation`], allowed networks ([`Tenant::may_ask_from`]).
//! * Limits: [`Tier`], [`Limits`] and [`limits::Limiter`].
//! * Audit: [`audit`].

pub mod audit;
mod error;
mod hex;
mod id;
pub mod limits;
mod master;
mod options;
mod permission;
mod registry;
mod seal;
mod sealer;
mod tenant;
mod tier;
mod token;
mod vault;

pub use error::Error;
pub use id::{InvalidId, KeyId, TenantId};
pub use master::MasterKey;
pub use options::{AccessOptions, MasterKeyOptions};
pub use permission::{InvalidPermission, Operation, Permission, Permissions};
pub use registry::{Candidate, Denied, Issued, KeyInfo, NewTenant, Reason, Registry, Resealed, Retire, Shown};
pub use sealer::Sealer;
pub use tenant::{Caller, Tenant, network_holds};
pub use tier::{Defaults, InvalidTier, Limits, MAX_BATCH_SIZE, Overrides, Tier};
pub use token::{LIVE_PREFIX, Mode, NotAKey, SECRET_PREFIX, TEST_PREFIX, check_format};
