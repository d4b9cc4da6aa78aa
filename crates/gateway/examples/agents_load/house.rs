//! The gateways and their Redis.

use access::{Defaults, MasterKey, Mode, NewTenant, Overrides, Registry};
use domain::Class;
use image::{ImageFormat, Rgb, RgbImage};
use secrecy::ExposeSecret;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use test_support::{RedisServer, ServiceProcess, wait_until};

pub(crate) struct House {
    pub(crate) addresses: Vec<String>,
    registry: Registry,
    per_minute: u32,
    gateways: Vec<ServiceProcess>,
    redis: RedisServer,
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
        let root = directory.path().to_owned();
        let path = |name: &str| root.join(name).to_str().unwrap().to_owned();
        let mut house =
            Self { addresses: Vec::new(), registry, per_minute, gateways: Vec::new(), redis, _directory: directory };
        for number in 0..gateways {
            let address = path(&format!("address-{number}"));
            let mut gateway = Command::new(ServiceProcess::binary("orfeas-gateway"));
            gateway.args(["--listen=127.0.0.1:0", "--http-threads=1", "--log=warn", "--addr-file", &address]);
            gateway.args(["--redis-url", &house.redis.url(), "--blobs", &path("blobs")]);
            house.gateways.push(ServiceProcess::spawn(gateway.args(["--master-key-file", &path("master-key")])));
            wait_until("a gateway", Duration::from_secs(30), async || Path::new(&address).exists()).await;
            house.addresses.push(std::fs::read_to_string(address).unwrap());
        }
        house
    }

    /// Registers an agent with a test key.
    pub(crate) async fn register(&self, name: &str) -> Secrets {
        let overrides = Overrides { requests_per_minute: Some(self.per_minute), ..Overrides::default() };
        let new = NewTenant { overrides, ..NewTenant::new(name, Class::Agent) };
        let issued = self.registry.add(new, Mode::Test, None).await.unwrap();
        let secret = issued.signing_secret.unwrap();
        Secrets { key: issued.api_key.expose_secret().to_owned(), secret: secret.expose_secret().to_owned() }
    }

    /// The peak memory of the gateways, in MiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let peak = |gateway: &ServiceProcess| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
        };
        self.gateways.iter().map(peak).max().unwrap_or_default()
    }

    /// Stops the gateways, and checks their exit status.
    pub(crate) async fn stop(self) {
        for gateway in self.gateways {
            assert!(gateway.terminate(Duration::from_secs(60)).await.success(), "{:?}", gateway.lines());
        }
    }
}

/// An image of 256 pixels: a ball on white, as PNG in base64.
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
