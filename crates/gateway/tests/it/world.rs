//! A gateway in this process, and a client with a key.

use access::{Keyring, new_key};
use clap::Parser;
use gateway::Options;
use queue::{Queue, RedisOptions};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use test_support::RedisServer;
use tokio_util::sync::CancellationToken;
use web::Server;

pub(crate) const GENERATE: &str = "/api/v1/generate-3d";

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    pub(crate) directory: TempDir,
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) keys: [String; 2],
    pub(crate) server: Server,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(arguments: &[&str]) -> Self {
        let (redis, directory) = (RedisServer::start(), tempfile::tempdir().unwrap());
        Self::on(redis, directory, arguments, None).await
    }

    /// `redis_url` may lead to the server by a detour.
    pub(crate) async fn on(
        redis: RedisServer,
        directory: TempDir,
        arguments: &[&str],
        redis_url: Option<String>,
    ) -> Self {
        let keys = write_keys(directory.path());
        let mut line = command_line(directory.path(), &redis_url.unwrap_or_else(|| redis.url()));
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let server = gateway::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
        let base = format!("http://{}", server.address());
        Self { redis, directory, client: Client::new(), base, keys, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the first key.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(&self.keys[0])
    }

    /// A POST to generate with the first key.
    pub(crate) fn post(&self) -> RequestBuilder {
        self.client.post(self.url(GENERATE)).bearer_auth(&self.keys[0])
    }

    /// A form with a picture and parameters.
    pub(crate) fn post_form(&self, image: &[u8], fields: &[(&'static str, &str)]) -> RequestBuilder {
        let form = Form::new().part("image", Part::bytes(image.to_vec()).file_name("picture"));
        let form = fields.iter().fold(form, |form, (name, value)| form.text(*name, (*value).to_owned()));
        self.post().multipart(form)
    }

    pub(crate) fn delete(&self, job: &str, key: usize) -> RequestBuilder {
        self.client.delete(self.url(&format!("/api/v1/jobs/{job}"))).bearer_auth(&self.keys[key])
    }

    pub(crate) async fn queue(&self) -> Queue {
        Queue::connect(&RedisOptions::at(&self.redis.url()).unwrap()).await.unwrap()
    }

    pub(crate) fn blobs_directory(&self) -> PathBuf {
        self.directory.path().join("blobs")
    }

    /// How many files the blob store has.
    pub(crate) fn stored(&self) -> usize {
        files(&self.blobs_directory())
    }
}

/// Two owners, one key each.
pub(crate) fn write_keys(directory: &Path) -> [String; 2] {
    let (ada, bob) = (new_key("ada").unwrap(), new_key("bob").unwrap());
    Keyring::new(vec![ada.1, bob.1]).save(&directory.join("keys.json")).unwrap();
    [ada.0, bob.0].map(|key| key.expose_secret().to_owned())
}

pub(crate) fn command_line(directory: &Path, redis_url: &str) -> Vec<String> {
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (blobs, keys) = (path("blobs"), path("keys.json"));
    let line = [
        "orfeas-gateway",
        "--listen=127.0.0.1:0",
        "--redis-url",
        redis_url,
        "--blobs",
        &blobs,
        "--api-keys-file",
        &keys,
    ]
    .map(str::to_owned);
    let mut line = line.to_vec();
    line.push("--http-threads=2".to_owned());
    line
}

pub(crate) fn files(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// The body of a problem, once its form has been checked.
pub(crate) async fn problem(response: Response) -> Value {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    assert_eq!(headers["content-type"], "application/problem+json", "{status}");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:orfeas:problem:{}", body["code"].as_str().unwrap()));
    assert_eq!(body["request_id"], headers["x-request-id"].to_str().unwrap());
    for field in ["title", "detail", "suggestion"] {
        assert!(!body[field].as_str().unwrap().is_empty(), "{body}");
    }
    assert_eq!(body["retryable"].as_bool().unwrap(), headers.contains_key("retry-after"), "{body}");
    body
}
