//! Ids of tenants and keys. Both are public: they appear in logs, audit records and signatures.

use crate::{Error, token};
use domain::Class;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Letters and digits after the prefix: 119 random bits.
const RANDOM: usize = 20;

/// Error: the text is not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0} id")]
pub struct InvalidId(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, [$($prefix:literal),+]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let random = [$($prefix),+].into_iter().find_map(|prefix| text.strip_prefix(prefix));
                let fits = |rest: &str| rest.len() == RANDOM && rest.bytes().all(|b| b.is_ascii_alphanumeric());
                if random.is_some_and(fits) { Ok(Self(text.to_owned())) } else { Err(InvalidId($kind)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a tenant: `agt_…` for a program, `usr_…` for a person. It is the owner of the tenant's jobs.
    TenantId, "tenant", ["agt_", "usr_"]
}

id! {
    /// The id of a key: `key_…`. It identifies the key in logs, and is the `keyid` of a signature.
    KeyId, "key", ["key_"]
}

impl TenantId {
    pub(crate) fn new(class: Class) -> Result<Self, Error> {
        let prefix = if class == Class::Agent { "agt_" } else { "usr_" };
        Ok(Self(format!("{prefix}{}", token::random_base62(RANDOM)?)))
    }
}

impl KeyId {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(format!("key_{}", token::random_base62(RANDOM)?)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_tells_its_kind_and_survives_json() {
        let (agent, user, key) =
            (TenantId::new(Class::Agent).unwrap(), TenantId::new(Class::User).unwrap(), KeyId::new().unwrap());
        assert!(agent.as_str().starts_with("agt_") && user.as_str().starts_with("usr_"));
        assert_eq!(agent.as_str().parse::<TenantId>().unwrap(), agent);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<KeyId>(&json).unwrap(), key);
        for wrong in ["", "key_", agent.as_str(), "key_0123456789012345678", "key_0123456789012345678!"] {
            assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
        }
        assert!(key.as_str().parse::<TenantId>().is_err());
    }
}
