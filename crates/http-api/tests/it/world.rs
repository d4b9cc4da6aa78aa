//! A service of two routes behind an authenticator, and clients with keys.

use access::{AccessOptions, Defaults, Issued, MasterKey, Mode, NewTenant, Registry, Tier};
use actix_web::{HttpResponse, get, post, web};
use blobs::{BlobOptions, Blobs};
use clap::{Args, Command, FromArgMatches};
use domain::Class;
use http_api::{
    AppState, Authenticated, Authenticator, Binding, BlobAccess, BodyBounds, IncomingRequest, Problem, Server,
    ServerOptions,
};
use queue::{Queue, RedisOptions};
use reqwest::{Client, Method, Request, Response};
use ring::digest::{SHA256, digest};
use secrecy::ExposeSecret;
use serde_json::Value;
use signatures::{Scheme, Signer};
use std::time::Duration;
use tempfile::TempDir;
use test_support::RedisServer;
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// The routes under an API's prefix: `GET .../who` returns the caller, `POST .../echo` the SHA-256 of the body.
#[utoipa::path(responses((status = 200, description = "You")))]
#[get("/who")]
async fn who(caller: Authenticated) -> HttpResponse {
    HttpResponse::Ok().json(caller.owner())
}

#[utoipa::path(responses((status = 200, description = "The digest")))]
#[post("/echo")]
async fn echo(incoming: IncomingRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let bounds = BodyBounds { max_bytes: 6 << 20, timeout: Duration::from_secs(4) };
    let (_, body) = incoming.read(payload, access::Operation::Generate, bounds).await?;
    Ok(HttpResponse::Ok().json(hex(&body)))
}

fn routes(config: &mut ServiceConfig<'_>) {
    for prefix in ["/api/v1", "/api/agent", "/api/admin"] {
        config.service(scope(prefix).service(who).service(echo));
    }
}

pub(crate) fn hex(body: &[u8]) -> String {
    digest(&SHA256, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    pub(crate) directory: TempDir,
    pub(crate) registry: Registry,
    pub(crate) client: Client,
    pub(crate) base: String,
    _server: Server,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(arguments: &[&str]) -> Self {
        Self::build(arguments, |_| {}).await
    }

    /// With other options of the server.
    pub(crate) async fn with_server(change: impl FnOnce(&mut ServerOptions)) -> Self {
        Self::build(&[], change).await
    }

    async fn build(arguments: &[&str], change: impl FnOnce(&mut ServerOptions)) -> Self {
        let (redis, directory) = (RedisServer::start_durable(), tempfile::tempdir().unwrap());
        let master = MasterKey::create(&directory.path().join("master-key")).unwrap();
        let registry = Registry::connect(&redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
        let (server, base) = serve(&redis, &directory, arguments, change).await;
        Self { redis, directory, registry, client: Client::new(), base, _server: server }
    }

    /// Another service on the same Redis.
    pub(crate) async fn another(&self) -> (Server, String) {
        serve(&self.redis, &self.directory, &[], |_| {}).await
    }

    pub(crate) async fn agent(&self, name: &str) -> Issued {
        self.add(NewTenant { tier: Tier::Unlimited, ..NewTenant::new(name, Class::Agent) }).await
    }

    pub(crate) async fn user(&self, name: &str) -> Issued {
        self.add(NewTenant { tier: Tier::Unlimited, ..NewTenant::new(name, Class::User) }).await
    }

    pub(crate) async fn add(&self, new: NewTenant) -> Issued {
        self.registry.add(new, Mode::Live, None).await.unwrap()
    }

    /// A request for `path` without credentials.
    pub(crate) fn bare(&self, method: Method, path: &str, body: &[u8]) -> Request {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = if body.is_empty() { request } else { request.header("content-type", "text/plain") };
        request.body(body.to_vec()).build().unwrap()
    }

    pub(crate) async fn send(&self, request: Request) -> Response {
        self.client.execute(request).await.unwrap()
    }

    pub(crate) async fn bearer(&self, path: &str, key: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(key).send().await.unwrap()
    }

    pub(crate) async fn signed(
        &self,
        scheme: Scheme,
        key: &Issued,
        method: Method,
        path: &str,
        body: &[u8],
    ) -> Response {
        self.send(sign(self.bare(method, path, body), scheme, &Proof::of(key, scheme))).await
    }
}

async fn serve(
    redis: &RedisServer,
    directory: &TempDir,
    arguments: &[&str],
    change: impl FnOnce(&mut ServerOptions),
) -> (Server, String) {
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let command = AccessOptions::augment_args(Command::new("test").no_binary_name(true));
    let line = ["--master-key-file".to_owned(), path("master-key")];
    let line = line.into_iter().chain(arguments.iter().map(|&argument| argument.to_owned()));
    let access = AccessOptions::from_arg_matches(&command.try_get_matches_from(line).unwrap()).unwrap();
    let authenticator =
        Authenticator::open(&access, &access.master.load().unwrap(), &redis.url(), "orfeas").await.unwrap();
    let state = AppState {
        authenticator,
        queue: Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap(),
        blobs: Blobs::open(&BlobOptions::at(path("blobs"))).unwrap(),
        blob_access: BlobAccess::Write,
    };
    let binding = Binding { listen: "127.0.0.1:0".parse().unwrap(), addr_file: None };
    let mut options =
        ServerOptions { http_threads: Some(2), http_connections: 1000, drain_seconds: 1, cors_origin: Vec::new() };
    change(&mut options);
    let api = http_api::describe("test", "test");
    let server = Server::start(&binding, &options, state, api, routes, CancellationToken::new()).unwrap();
    let base = format!("http://{}", server.address());
    (server, base)
}

/// The credentials of a signed request.
pub(crate) struct Proof {
    pub(crate) key: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) created: u64,
    pub(crate) nonce: String,
}

impl Proof {
    pub(crate) fn of(issued: &Issued, scheme: Scheme) -> Self {
        let key = match scheme {
            Scheme::Agent => issued.api_key.expose_secret(),
            Scheme::Http => issued.key_id.as_str(),
        };
        let secret = issued.signing_secret.as_ref().map(|secret| secret.expose_secret().as_bytes().to_vec());
        Self::new(key, &secret.unwrap_or_else(|| b"none".to_vec()))
    }

    pub(crate) fn new(key: &str, secret: &[u8]) -> Self {
        let (nonce, created) = test_support::fresh();
        Self { key: key.to_owned(), secret: secret.to_vec(), created, nonce }
    }
}

/// The request, signed.
pub(crate) fn sign(mut request: Request, scheme: Scheme, proof: &Proof) -> Request {
    let signer = Signer { key: &proof.key, secret: &proof.secret, created: proof.created, nonce: &proof.nonce };
    test_support::sign(&mut request, scheme, &signer);
    request
}

/// Status, code, and the whole problem without what differs from request to request.
pub(crate) async fn problem(answer: Response) -> (u16, String, String) {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let mut body: Value = answer.json().await.unwrap();
    let code = body["code"].as_str().unwrap().to_owned();
    body.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "request_id" | "trace_id"));
    let mut lines: Vec<String> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date" | "connection"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    (status, code, format!("{lines:?} {body}"))
}
