//! Agents: clients that sign their requests.

use crate::world::World;
use access::{Defaults, MasterKey, Mode, NewTenant, Overrides, Registry, Tier};
use domain::Class;
use reqwest::{Request, RequestBuilder, Response};
use secrecy::ExposeSecret;
use signatures::{Scheme, Signer};
use test_support::{fresh, sign};

/// An agent with a key.
pub(crate) struct Agent {
    pub(crate) id: String,
    key: String,
    secret: String,
    client: reqwest::Client,
    base: String,
}

/// Adds a tenant with no limits but these; returns its id, its key, and the signing secret of an agent.
pub(crate) async fn add(
    world: &World,
    name: &str,
    class: Class,
    mode: Mode,
    overrides: Overrides,
) -> (String, String, Option<String>) {
    let master = MasterKey::read(&world.directory.path().join("master-key")).unwrap();
    let registry = Registry::connect(&world.redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
    let new = NewTenant { tier: Tier::Unlimited, overrides, ..NewTenant::new(name, class) };
    let issued = registry.add(new, mode, None).await.unwrap();
    let secret = issued.signing_secret.map(|secret| secret.expose_secret().to_owned());
    (issued.tenant.id.to_string(), issued.api_key.expose_secret().to_owned(), secret)
}

impl Agent {
    pub(crate) async fn new(world: &World, name: &str, mode: Mode) -> Self {
        let (id, key, secret) = add(world, name, Class::Agent, mode, Overrides::default()).await;
        Self { id, key, secret: secret.unwrap(), client: world.client.clone(), base: world.base.clone() }
    }

    /// A client that presents this key and signs with this secret.
    pub(crate) fn claiming(world: &World, key: &str, secret: &str) -> Self {
        let (key, secret) = (key.to_owned(), secret.to_owned());
        Self { id: String::new(), key, secret, client: world.client.clone(), base: world.base.clone() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.client.put(self.url(path))
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.client.delete(self.url(path))
    }

    /// Signs a request and sends it. Its body must be one that is in memory: JSON or nothing.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Response {
        let request = self.signed(request.build().unwrap());
        self.client.execute(request).await.unwrap()
    }

    fn signed(&self, mut request: Request) -> Request {
        let (nonce, created) = fresh();
        let signer = Signer { key: &self.key, secret: self.secret.as_bytes(), created, nonce: &nonce };
        sign(&mut request, Scheme::Agent, &signer);
        request
    }
}
