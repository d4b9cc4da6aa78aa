//! Whoever has a key, as a user with a bearer key or as an agent that signs.

use access::Issued;
use reqwest::{Method, Request, RequestBuilder, Response};
use secrecy::ExposeSecret;
use signatures::{Scheme, Signer};
use test_support::{fresh, sign};

/// Somebody who sends requests.
pub struct Asker {
    /// The tenant's id.
    pub id: String,
    key: String,
    /// What requests are signed with; a user has none.
    secret: Option<String>,
    http: reqwest::Client,
}

impl Asker {
    /// The one who was issued a key.
    pub fn new(issued: &Issued) -> Self {
        Self {
            id: issued.tenant.id.to_string(),
            key: issued.api_key.expose_secret().to_owned(),
            secret: issued.signing_secret.as_ref().map(|secret| secret.expose_secret().to_owned()),
            http: reqwest::Client::new(),
        }
    }

    /// The beginning of a request, without any proof.
    pub fn request(&self, method: &str, url: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    /// Proves whose the request is and sends it. Its body must be in memory.
    pub async fn send(&self, request: RequestBuilder) -> Response {
        let request = match &self.secret {
            Some(secret) => self.signed(request.build().unwrap(), secret),
            None => request.bearer_auth(&self.key).build().unwrap(),
        };
        self.http.execute(request).await.unwrap()
    }

    fn signed(&self, mut request: Request, secret: &str) -> Request {
        let (nonce, created) = fresh();
        let signer = Signer { key: &self.key, secret: secret.as_bytes(), created, nonce: &nonce };
        sign(&mut request, Scheme::Agent, &signer);
        request
    }
}
