//! Secrets of endpoints and the signatures made with them (Standard Webhooks 1.0).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// Prefix of a secret's text.
const PREFIX: &str = "whsec_";
/// Length of a secret in bytes.
const LENGTH: usize = 32;

/// The secret of an endpoint.
pub struct Secret(SecretSlice<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn random() -> Result<Self, access::Error> {
        let mut bytes = vec![0; LENGTH];
        SystemRandom::new().fill(&mut bytes).map_err(|_| access::Error::Random)?;
        Ok(Self(bytes.into()))
    }

    pub(crate) fn of(bytes: SecretSlice<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// Its text, `whsec_` and base64, shown to the owner once.
    pub fn text(&self) -> SecretString {
        format!("{PREFIX}{}", STANDARD.encode(self.expose())).into()
    }
}

/// The `webhook-signature` of a message: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, once per secret,
/// separated by spaces. `timestamp` is in seconds since the Unix epoch.
pub fn sign(secrets: &[Secret], id: &str, timestamp: u64, body: &[u8]) -> String {
    let signatures = secrets.iter().map(|secret| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose()));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The test vector of the specification's libraries.
    #[test]
    fn the_test_vector_of_the_specification_is_reproduced() {
        let secret = Secret::of(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap().into());
        assert_eq!(secret.text().expose_secret(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
