//! The root key of a registry and the keys derived from it.
//!
//! Redis stores only the HMAC of an API key and only the sealed form of a signing secret, under keys derived (HKDF-SHA256,
//! RFC 5869) from one random root key. The root key never changes and is stored sealed under the master key, which is
//! not in Redis. The master key can therefore be changed without touching keys and secrets.

use crate::seal::Seal;
use crate::{Error, KeyId, TenantId, hex};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::hmac;
use secrecy::{ExposeSecret, SecretBox, SecretSlice};

/// The 32 random bytes from which all keys of a registry are derived.
pub(crate) type RootKey = SecretBox<[u8; 32]>;

/// Input of the key derivation.
pub(crate) fn prk(key: &RootKey) -> Prk {
    Salt::new(HKDF_SHA256, b"orfeas access 1").extract(key.expose_secret())
}

/// A root key and its derived keys.
pub(crate) struct Vault {
    pub(crate) root: RootKey,
    /// Identifies the root key without revealing it: 16 hexadecimal digits.
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
        let id = hex::encode(&hmac::sign(&mark, b"").as_ref()[..8]);
        let secrets = Seal::of(&prk, &[b"signing secrets"]);
        Self { root, id, finder, secrets }
    }

    /// The stored hash of an API key, by which it is looked up: 64 hexadecimal digits.
    pub(crate) fn hash(&self, api_key: &str) -> String {
        hex::encode(hmac::sign(&self.finder, api_key.as_bytes()).as_ref())
    }

    /// Seals a signing secret for one key of one tenant.
    pub(crate) fn seal(&self, secret: &str, tenant: &TenantId, key: &KeyId) -> Result<Vec<u8>, Error> {
        self.secrets.seal(secret.as_bytes(), &format!("{tenant} {key}"))
    }

    /// Opens a secret sealed by [`Vault::seal`].
    pub(crate) fn open(&self, sealed: &[u8], tenant: &TenantId, key: &KeyId) -> Option<SecretSlice<u8>> {
        self.secrets.open(sealed, &format!("{tenant} {key}"))
    }

    /// The sealing key for another purpose.
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

    /// Pinned: existing registries depend on these derivations.
    #[test]
    fn what_is_derived_is_as_it_has_always_been() {
        let root: [u8; 32] = std::array::from_fn(|n| 0x11 * (n as u8 % 16));
        let vault = Vault::new(SecretBox::new(Box::new(root)));
        assert_eq!(vault.id, "d10ac344f76afed1");
        assert_eq!(vault.hash("orf_live_x"), "0174d35465293d1b93d3cd4649bce8e57db12c9313fab9c62671b32fab1927f9");
    }
}
