//! Who may do what.
//!
//! A *tenant* is whoever owns jobs: a program (an *agent*) or a person (a *user*). The [`Registry`] keeps tenants and
//! their keys in Redis. Somebody who shows a key is a [`Candidate`]; who proves that it is theirs, by the key itself or by
//! a signature, is a [`Caller`].
//!
//! * Key texts: [`check_format`] tells a mistyped key offline.
//! * At rest: [`MasterKey`]. A dump of Redis opens nothing; [`Registry::reseal`] changes the master key.
//! * Rights: [`Permissions`] and [`Operation`]; how much: [`Tier`] and [`Limits`]; from where: [`Tenant::may_ask_from`].

pub mod audit;
mod error;
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
