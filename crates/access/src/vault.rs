//! The root key of a registry, and what is derived from it.
//!
//! Redis holds nothing that opens a door: of an API key only its HMAC, of a signing secret only its sealed form, both
//! under keys that are derived (HKDF-SHA256, RFC 5869) from one root key. That is random, never changes, and stands in
//! Redis sealed under the master key, which Redis never sees. So the master key can be changed, and no key and no secret
//! need be touched.

use crate::seal::Seal;
use crate::{Error, KeyId, TenantId, master};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;
use secrecy::{ExposeSecret, SecretBox, SecretSlice};

/// 32 random bytes that everything in a registry is closed with.
pub(crate) type RootKey = SecretBox<[u8; 32]>;

/// What keys are derived from.
pub(crate) fn prk(key: &RootKey) -> Prk {
    Salt::new(HKDF_SHA256, b"orfeas access 1").extract(key.expose_secret())
}

/// A root key, and the keys that are derived from it.
pub(crate) struct Vault {
    pub(crate) root: RootKey,
    /// Tells one root key from another, and nothing about either: 16 hexadecimal digits.
    pub(crate) id: String,
    finder: hmac::Key,
    secrets: Seal,
}

impl Vault {
    pub(crate) fn new(root: RootKey) -> Self {
        let prk = prk(&root);
        let key = |info: &[&[u8]]| {
            let key = prk.expand(info, hmac::HMAC_SHA256).expect("a length that HKDF can give. This is a bug.");
            hmac::Key::from(key)
        };
        let (finder, mark) = (key(&[b"api keys"]), key(&[b"fingerprint"]));
        let id = master::hex(&hmac::sign(&mark, b"").as_ref()[..8]);
        let secrets = Seal::of(&prk, &[b"signing secrets"]);
        Self { root, id, finder, secrets }
    }

    /// What is kept of an API key, and what it is found by: 64 hexadecimal digits.
    pub(crate) fn hash(&self, api_key: &str) -> String {
        master::hex(hmac::sign(&self.finder, api_key.as_bytes()).as_ref())
    }

    /// Seals a signing secret for one key of one tenant.
    pub(crate) fn seal(&self, secret: &str, tenant: &TenantId, key: &KeyId) -> Result<Vec<u8>, Error> {
        self.secrets.seal(secret.as_bytes(), &format!("{tenant} {key}"))
    }

    /// Opens what [`Vault::seal`] has sealed.
    pub(crate) fn open(&self, sealed: &[u8], tenant: &TenantId, key: &KeyId) -> Option<SecretSlice<u8>> {
        self.secrets.open(sealed, &format!("{tenant} {key}"))
    }

    /// What seals for a purpose of somebody else.
    pub(crate) fn sealer(&self, purpose: &str) -> Seal {
        Seal::of(&prk(&self.root), &[b"sealer ", purpose.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::master::random;
    use domain::Class;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let (vault, other) = (Vault::new(random().unwrap()), Vault::new(random().unwrap()));
        let (ada, bob) = (TenantId::new(Class::Agent).unwrap(), TenantId::new(Class::Agent).unwrap());
        let (key, next) = (KeyId::new().unwrap(), KeyId::new().unwrap());
        let sealed = vault.seal("orf_secret_x", &ada, &key).unwrap();
        assert_eq!(vault.open(&sealed, &ada, &key).unwrap().expose_secret(), b"orf_secret_x");
        assert_ne!(vault.seal("orf_secret_x", &ada, &key).unwrap(), sealed, "each time with another nonce");
        assert!(vault.open(&sealed, &bob, &key).is_none() && vault.open(&sealed, &ada, &next).is_none());
        assert!(other.open(&sealed, &ada, &key).is_none());
        for n in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[n] ^= 1;
            assert!(vault.open(&wrong, &ada, &key).is_none() && vault.open(&sealed[..n], &ada, &key).is_none());
        }
        let (one, two) = (vault.sealer("one"), vault.sealer("two"));
        let sealed = one.seal(b"secret", "here").unwrap();
        assert_eq!(one.open(&sealed, "here").unwrap().expose_secret(), b"secret");
        assert!(one.open(&sealed, "there").is_none() && two.open(&sealed, "here").is_none());
        assert!(other.sealer("one").open(&sealed, "here").is_none());
    }

    /// Keys and secrets of registries that are there are under these: they stay what they are.
    #[test]
    fn what_is_derived_is_as_it_has_always_been() {
        let root: [u8; 32] = std::array::from_fn(|n| 0x11 * (n as u8 % 16));
        let vault = Vault::new(SecretBox::new(Box::new(root)));
        assert_eq!(vault.id, "d10ac344f76afed1");
        assert_eq!(vault.hash("orf_live_x"), "0174d35465293d1b93d3cd4649bce8e57db12c9313fab9c62671b32fab1927f9");
    }
}
