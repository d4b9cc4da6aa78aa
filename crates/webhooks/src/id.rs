//! Ids of endpoints and deliveries: a prefix and 32 hexadecimal digits.

use crate::Error;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $unknown:ident, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, example = $example)]
        pub struct $name(String);

        impl $name {
            fn of_bytes(bytes: &[u8]) -> Self {
                let digits: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
                Self($prefix.to_owned() + &digits)
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
                let fits = |digits: &str| digits.len() == 32 && digits.bytes().all(is_digit);
                if text.strip_prefix($prefix).is_some_and(fits) { Ok(Self(text.to_owned())) } else { Err(Error::$unknown) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// The id of an endpoint: `whk_` and 32 hexadecimal digits.
    EndpointId, "whk_", UnknownEndpoint, "whk_0123456789abcdef0123456789abcdef"
}

id! {
    /// The id of a delivery, and the `webhook-id` of its message: `msg_` and 32 hexadecimal digits.
    DeliveryId, "msg_", UnknownDelivery, "msg_0123456789abcdef0123456789abcdef"
}

impl EndpointId {
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Secret(access::Error::Random))?;
        Ok(Self::of_bytes(&bytes))
    }
}

impl DeliveryId {
    /// Derived from the endpoint and the id of the event, so that an event that is read twice has one delivery.
    pub(crate) fn of(endpoint: &EndpointId, event_id: &str) -> Self {
        Self::of_bytes(digest(&SHA256, format!("{endpoint} {event_id}").as_bytes()).as_ref())
    }
}
