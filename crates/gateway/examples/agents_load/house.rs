//! The gateways and their Redis.

use access::{Defaults, MasterKey, Mode, NewTenant, Overrides, Registry};
use clap::Parser;
use domain::Class;
use gateway::Options;
use image::{ImageFormat, Rgb, RgbImage};
use secrecy::ExposeSecret;
use std::io::Cursor;
use std::sync::Arc;
use tempfile::TempDir;
use test_support::RedisServer;
use tokio_util::sync::CancellationToken;
use web::Server;

pub(crate) struct House {
    pub(crate) addresses: Vec<String>,
    servers: Vec<Server>,
    registry: Registry,
    per_minute: u32,
    _redis: RedisServer,
    _directory: TempDir,
}

/// What an agent signs with.
pub(crate) struct Secrets {
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl House {
    /// Starts a redis-server with an append-only file synced each second, as in production, and gateways on it.
    pub(crate) async fn start(gateways: usize, per_minute: u32) -> Self {
        let redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
        let directory = tempfile::tempdir().unwrap();
        let master = MasterKey::create(&directory.path().join("master-key")).unwrap();
        let registry = Registry::connect(&redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let (mut servers, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..gateways {
            let line = [
                "orfeas-gateway",
                "--listen=127.0.0.1:0",
                "--http-threads=1",
                "--redis-url",
                &redis.url(),
                "--blobs",
                &path("blobs"),
                "--master-key-file",
                &path("master-key"),
            ];
            let server = gateway::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
            addresses.push(server.address().to_string());
            servers.push(server);
        }
        Self { addresses, servers, registry, per_minute, _redis: redis, _directory: directory }
    }

    /// Registers an agent with a test key.
    pub(crate) async fn register(&self, name: &str) -> Secrets {
        let overrides = Overrides { requests_per_minute: Some(self.per_minute), ..Overrides::default() };
        let new = NewTenant { overrides, ..NewTenant::new(name, Class::Agent) };
        let issued = self.registry.add(new, Mode::Test, None).await.unwrap();
        let secret = issued.signing_secret.unwrap();
        Secrets { key: issued.api_key.expose_secret().to_owned(), secret: secret.expose_secret().to_owned() }
    }

    pub(crate) async fn stop(self) {
        for server in self.servers {
            server.stop().await.unwrap();
        }
    }
}

/// A picture of 256 pixels with something to see in it: a ball on white. As PNG in base64.
pub(crate) fn picture() -> Arc<str> {
    use base64::Engine;
    let image = RgbImage::from_fn(256, 256, |x, y| {
        let (dx, dy) = (f64::from(x) - 128.0, f64::from(y) - 128.0);
        let light = 1.0 - dx.hypot(dy) / 90.0;
        if light < 0.0 { Rgb([255; 3]) } else { Rgb([40, (60.0 + 150.0 * light) as u8, 90]) }
    });
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).unwrap();
    base64::engine::general_purpose::STANDARD.encode(png.into_inner()).into()
}
