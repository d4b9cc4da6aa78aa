//! The stored form of a key.

use crate::{Error, KeyId, Mode, TenantId};

/// The fields of a key's hash, in the order of `FIELDS` in `prelude.lua`.
pub(super) type Fields = [Option<Vec<u8>>; 8];

/// A key's record; the key itself is not stored.
#[derive(Debug, Clone)]
pub(super) struct KeyRecord {
    pub(super) id: KeyId,
    pub(super) tenant: TenantId,
    /// The key's HMAC, 64 hexadecimal digits.
    pub(super) hash: String,
    pub(super) mode: Mode,
    /// The sealed signing secret; empty if the key has none.
    pub(super) sealed: Vec<u8>,
    /// This and the following times are in milliseconds since the Unix epoch, by Redis's clock.
    pub(super) created: u64,
    pub(super) expires: Option<u64>,
    pub(super) revoked: Option<u64>,
    pub(super) used: Option<u64>,
}

impl KeyRecord {
    pub(super) fn read(id: KeyId, fields: Fields) -> Result<Self, Error> {
        const WHAT: Error = Error::Corrupt("a key");
        let [tenant, hash, mode, sealed, created, expires, revoked, used] = fields;
        let text = |field: Option<Vec<u8>>| String::from_utf8(field.ok_or(WHAT)?).map_err(|_| WHAT);
        let time = |field: Option<Vec<u8>>| match field {
            None => Ok(None),
            field => text(field)?.parse().map(Some).map_err(|_| WHAT),
        };
        Ok(Self {
            id,
            tenant: text(tenant)?.parse().map_err(|_| WHAT)?,
            hash: text(hash)?,
            mode: mode_of(&text(mode)?).ok_or(WHAT)?,
            sealed: sealed.ok_or(WHAT)?,
            created: time(created)?.ok_or(WHAT)?,
            expires: time(expires)?,
            revoked: time(revoked)?,
            used: time(used)?,
        })
    }
}

fn mode_of(text: &str) -> Option<Mode> {
    [Mode::Live, Mode::Test].into_iter().find(|mode| mode.as_str() == text)
}
