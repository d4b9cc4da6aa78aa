//! An owned request that tests sign, change and parse.

use signatures::{BodyDigest, Malformed, Presented, Request, Scheme, Signer, agent, http};

pub(crate) const SECRET: &[u8] = b"orf_secret_0123456789abcdefghijklmnopqrstuvwxyz";
pub(crate) const KEY: &str = "orf_test_0000000000000000000000_abcd";
pub(crate) const NONCE: &str = "0123456789abcdef";
pub(crate) const NOW: u64 = 1_750_000_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Sample {
    /// A submission with every optional part.
    pub(crate) fn full() -> Self {
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "mug-17"),
            ("x-test-scenario", "gpu_lost"),
            ("accept", "*/*"),
        ];
        Self {
            method: "POST".into(),
            scheme: "https".into(),
            authority: "orfeas.example:8443".into(),
            path: "/api/agent/generate-3d".into(),
            query: Some("wait=1&name=a%20mug".into()),
            headers: headers.map(|(name, value)| (name.into(), value.into())).to_vec(),
            body: br#"{"image":"aGVsbG8=","steps":20}"#.to_vec(),
        }
    }

    /// A GET without query, body or covered headers.
    pub(crate) fn bare() -> Self {
        Self {
            method: "GET".into(),
            path: "/api/agent/jobs".into(),
            query: None,
            headers: Vec::new(),
            body: Vec::new(),
            ..Self::full()
        }
    }

    /// Calls `with` with a borrowed [`Request`].
    pub(crate) fn with<T>(&self, with: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers =
            |name: &str| self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| &value[..]).collect();
        with(&Request {
            method: &self.method,
            scheme: &self.scheme,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
        })
    }

    pub(crate) fn signed(mut self, scheme: Scheme) -> Self {
        let signer = Signer { key: KEY, secret: SECRET, created: NOW, nonce: NONCE };
        let body = BodyDigest::of(&self.body);
        let sign = match scheme {
            Scheme::Agent => agent::sign,
            Scheme::Http => http::sign,
        };
        let added = self.with(|request| sign(request, &signer, &body)).unwrap();
        self.headers.extend(added.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    pub(crate) fn parse(&self) -> Result<Option<Presented>, Malformed> {
        self.with(Presented::parse)
    }

    /// Verifies as a server does, without checking the time.
    pub(crate) fn is_accepted(&self, secret: &[u8]) -> bool {
        let Ok(Some(presented)) = self.parse() else { return false };
        let mut hasher = presented.body_hasher();
        hasher.update(&self.body);
        presented.verify(secret, &hasher.finish())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let (_, value) = self.headers.iter().find(|(n, _)| n == name).unwrap();
        std::str::from_utf8(value).unwrap()
    }

    /// Replaces or adds a header.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }
}
