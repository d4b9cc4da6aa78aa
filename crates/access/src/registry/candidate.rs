//! From a presented key to an authenticated caller.
//!
//! A lookup always returns a candidate. An unknown key yields a *decoy* with a random secret, which is verified like any
//! other, so that neither the answer nor its timing reveals whether a key is unknown, expired or wrongly used.

use super::decoy::Decoy;
use super::record::KeyRecord;
use super::root::Opened;
use crate::{Caller, KeyId, Tenant, TenantId};
use secrecy::{ExposeSecret, SecretSlice};
use std::fmt;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Why authentication failed. For logs and audit only, not for responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The key is unknown.
    UnknownKey,
    /// The key has expired.
    Expired,
    /// The key was revoked.
    Revoked,
    /// The tenant was revoked.
    Disabled,
    /// The key has no signing secret, as it belongs to a user.
    NoSecret,
    /// The signature was not made with the key's secret.
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

/// Failed authentication.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("authentication failed: {}", reason.as_str())]
pub struct Denied {
    /// The reason. Not for clients.
    pub reason: Reason,
    /// The key's tenant, if the key is known.
    pub tenant: Option<TenantId>,
    /// The key, if it is known.
    pub key_id: Option<KeyId>,
}

/// The claimed identity of a request, not yet verified. May be a decoy.
pub struct Candidate {
    pub(super) opened: Arc<Opened>,
    pub(super) key: KeyRecord,
    pub(super) tenant: Tenant,
    /// Hash of the presented key; empty if a key id was presented.
    pub(super) presented: String,
    /// A reason to refuse the candidate even with a valid proof.
    pub(super) flaw: Option<Reason>,
    /// The recorded last use is out of date.
    pub(super) stale: bool,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("key", &self.key.id).field("flaw", &self.flaw).finish_non_exhaustive()
    }
}

impl Candidate {
    /// Whether to call [`Registry::note_use`] after successful verification.
    ///
    /// [`Registry::note_use`]: crate::Registry::note_use
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Authenticates a bearer key.
    ///
    /// # Errors
    /// [`Denied`] if the key is unknown or no longer valid.
    pub fn verify_bearer(self) -> Result<Caller, Denied> {
        let same: bool = self.key.hash.as_bytes().ct_eq(self.presented.as_bytes()).into();
        self.finish(same, Reason::UnknownKey)
    }

    /// Authenticates a signature. `verifies` is called exactly once, for decoys too, with the text of the signing secret,
    /// and must verify the signature in constant time.
    ///
    /// # Errors
    /// [`Denied`] if the key is unknown or no longer valid, or if the signature is wrong.
    pub fn verify_signed(self, verifies: impl FnOnce(&[u8]) -> bool) -> Result<Caller, Denied> {
        let verified = verifies(self.secret().expose_secret());
        self.finish(verified, Reason::WrongSignature)
    }

    /// The key's signing secret, or a random one if it has none.
    fn secret(&self) -> SecretSlice<u8> {
        let Opened { vault, decoy: Decoy { key: own, .. } } = &*self.opened;
        let key = if self.key.sealed.is_empty() { own } else { &self.key };
        vault.open(&key.sealed, &key.tenant, &key.id).unwrap_or_else(|| {
            // The record has been tampered with. An empty secret would verify signatures that anyone can make.
            tracing::error!(key = %key.id, "a signing secret in Redis cannot be opened");
            vault
                .open(&own.sealed, &own.tenant, &own.id)
                .expect("the decoy's secret was sealed with this vault. This is a bug.")
        })
    }

    fn finish(self, verified: bool, otherwise: Reason) -> Result<Caller, Denied> {
        match self.flaw {
            None if verified => Ok(Caller { tenant: self.tenant, key_id: self.key.id, mode: self.key.mode }),
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
