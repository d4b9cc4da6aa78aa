//! From a key that somebody shows to a proven identity.
//!
//! There is always a candidate: somebody who shows an unknown key is taken for a *decoy*, whose secret is random and
//! known to nobody. A decoy is verified like anybody else, so that neither the answer nor the time it takes tells
//! whether the key was unknown, ended, or only wrongly used.

use super::record::KeyRecord;
use super::root::Opened;
use crate::{Caller, KeyId, Tenant, TenantId};
use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Why somebody is not let in. For logs and audit only: clients are told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nobody has this key.
    UnknownKey,
    /// The key's time is over.
    Expired,
    /// The key was revoked.
    Revoked,
    /// The tenant was revoked.
    Disabled,
    /// The key has no signing secret: it is a user's.
    NoSecret,
    /// The key is known and the signature is not made with its secret.
    WrongSignature,
}

impl Reason {
    /// The reason's name in metrics and audit records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
            Self::NoSecret => "no_secret",
            Self::WrongSignature => "wrong_signature",
        }
    }
}

/// Somebody who is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not let in: {}", reason.as_str())]
pub struct Denied {
    /// Why not. Not for clients.
    pub reason: Reason,
    /// Whose key it was, if it is anybody's.
    pub tenant: Option<TenantId>,
    /// Which key it was, if it is one.
    pub key_id: Option<KeyId>,
}

/// Somebody who shows a key and has proven nothing yet. It may be a decoy.
pub struct Candidate {
    pub(super) opened: Arc<Opened>,
    pub(super) key: KeyRecord,
    pub(super) tenant: Tenant,
    /// The presented key's hash; empty when only a key's id was presented.
    pub(super) presented: String,
    /// Why this candidate cannot prove anything, whatever it shows.
    pub(super) flaw: Option<Reason>,
    /// The note of the key's last use is old.
    pub(super) stale: bool,
}

/// Nobody: what stands in for what is not there.
pub(super) struct Decoy {
    pub(super) key: KeyRecord,
    pub(super) tenant: String,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("key", &self.key.id).field("flaw", &self.flaw).finish_non_exhaustive()
    }
}

impl Candidate {
    /// Whether it is time to note that the key was used, should this be its owner: see [`Registry::note_use`].
    ///
    /// [`Registry::note_use`]: crate::Registry::note_use
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Proven by the key itself.
    ///
    /// # Errors
    /// [`Denied`] when the key is not known or not valid any more.
    pub fn verify_bearer(self) -> Result<Caller, Denied> {
        let same: bool = self.key.hash.as_bytes().ct_eq(self.presented.as_bytes()).into();
        self.end(same, Reason::UnknownKey)
    }

    /// Proven by a signature. `verifies` is called once, whoever this is, with the text of the signing secret; it says
    /// whether the signature is made with it, in constant time.
    ///
    /// # Errors
    /// [`Denied`] when the key is not known or not valid any more, or when the signature is wrong.
    pub fn verify_signed(self, verifies: impl FnOnce(&[u8]) -> bool) -> Result<Caller, Denied> {
        let verified = verifies(self.secret().expose_secret());
        self.end(verified, Reason::WrongSignature)
    }

    /// The key's signing secret; a random one where there is none.
    fn secret(&self) -> SecretSlice<u8> {
        let Opened { vault, decoy: Decoy { key: own, .. } } = &*self.opened;
        let key = if self.key.sealed.is_empty() { own } else { &self.key };
        vault.open(&key.sealed, &key.tenant, &key.id).unwrap_or_else(|| {
            // Somebody has tampered with Redis. An empty secret would verify what anybody can sign.
            tracing::error!(key = %key.id, "a signing secret in Redis does not open");
            vault.open(&own.sealed, &own.tenant, &own.id).expect("we sealed it ourselves. This is a bug.")
        })
    }

    fn end(self, proven: bool, otherwise: Reason) -> Result<Caller, Denied> {
        match self.flaw {
            None if proven => Ok(Caller { tenant: self.tenant, key_id: self.key.id, mode: self.key.mode }),
            flaw => {
                let known = flaw != Some(Reason::UnknownKey);
                Err(Denied {
                    reason: flaw.unwrap_or(otherwise),
                    tenant: known.then_some(self.tenant.id),
                    key_id: known.then_some(self.key.id),
                })
            }
        }
    }
}
