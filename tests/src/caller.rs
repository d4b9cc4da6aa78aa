//! A client with a key: a user with a bearer key, or an agent that signs.

use access::Issued;
use reqwest::{Method, Request, RequestBuilder, Response};
use secrecy::ExposeSecret;
use signatures::{Scheme, Signer};
use test_support::{fresh, sign};

/// A client that authenticates its requests.
pub struct Caller {
    /// The tenant's id.
    pub id: String,
    key: String,
    /// The signing secret of an agent.
    secret: Option<String>,
    http: reqwest::Client,
}

impl Caller {
    /// A client with an issued key.
    pub fn new(issued: &Issued) -> Self {
        Self {
            id: issued.tenant.id.to_string(),
            key: issued.api_key.expose_secret().to_owned(),
            secret: issued.signing_secret.as_ref().map(|secret| secret.expose_secret().to_owned()),
            http: reqwest::Client::new(),
        }
    }

    /// A request without credentials.
    pub fn request(&self, method: &str, url: &str) -> RequestBuilder {
        self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    /// Authenticates a request and sends it. Its body must be in memory.
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
