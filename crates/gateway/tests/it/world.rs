//! A gateway in this process, and a client with a key.

use clap::Parser;
use gateway::Options;
use http_api::Server;
use queue::{Queue, RedisOptions};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use test_support::RedisServer;
use tokio_util::sync::CancellationToken;

pub(crate) use crate::tenants::{command_line, register};
pub(crate) use test_support::{problem, worker_info};

pub(crate) const GENERATE: &str = "/api/v1/generate-3d";

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    pub(crate) directory: TempDir,
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) keys: [String; 2],
    /// The ids of the owners of `keys`.
    pub(crate) owners: [String; 2],
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

    /// `redis_url` may be that of a proxy to the server.
    pub(crate) async fn on(
        redis: RedisServer,
        directory: TempDir,
        arguments: &[&str],
        redis_url: Option<String>,
    ) -> Self {
        let tenants = register(directory.path(), &redis.url()).await;
        let owners = tenants.each_ref().map(|tenant| tenant.id.clone());
        let keys = tenants.map(|tenant| tenant.key);
        let mut line = command_line(directory.path(), &redis_url.unwrap_or_else(|| redis.url()));
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let server = gateway::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
        let base = format!("http://{}", server.address());
        Self { redis, directory, client: Client::new(), base, keys, owners, server }
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

    /// A form with an image and parameters.
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

    /// The number of files in the blob store.
    pub(crate) fn stored(&self) -> usize {
        files(&self.blobs_directory())
    }
}

pub(crate) fn files(directory: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}
