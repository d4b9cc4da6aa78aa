//! Tenants with keys, and the command line of a service. The gateway's tests use it too.

use access::{Defaults, MasterKey, Mode, NewTenant, Registry, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use std::path::Path;

/// A tenant and its key.
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) key: String,
}

/// Two users, ada and bob, one key each, and the file of the master key.
pub(crate) async fn register(directory: &Path, redis_url: &str) -> [Tenant; 2] {
    let master = MasterKey::create(&directory.join("master-key")).unwrap();
    let registry = Registry::connect(redis_url, "orfeas", &master, Defaults::default()).await.unwrap();
    let add = async |name: &str| {
        let new = NewTenant { tier: Tier::Unlimited, ..NewTenant::new(name, Class::User) };
        let issued = registry.add(new, Mode::Live, None).await.unwrap();
        Tenant { id: issued.tenant.id.to_string(), key: issued.api_key.expose_secret().to_owned() }
    };
    [add("ada").await, add("bob").await]
}

/// The command line of a service, the program's name included.
pub(crate) fn command_line(directory: &Path, redis_url: &str) -> Vec<String> {
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (blobs, keys) = (path("blobs"), path("master-key"));
    let line = ["service", "--listen=127.0.0.1:0", "--http-threads=2", "--redis-url", redis_url];
    line.into_iter().chain(["--blobs", &blobs, "--master-key-file", &keys]).map(str::to_owned).collect()
}
