//! Tenants of the system under test.

use crate::System;
use access::{Defaults, Issued, MasterKey, Mode, NewTenant, Registry};
use domain::Class;

impl System {
    /// An agent of the standard tier with its first key.
    pub async fn new_agent(&self, name: &str, mode: Mode) -> Issued {
        self.add(NewTenant::new(name, Class::Agent), mode).await
    }

    /// A tenant with its first key.
    pub async fn add(&self, tenant: NewTenant, mode: Mode) -> Issued {
        let master = MasterKey::read(&self.folder.path().join("master-key")).unwrap();
        let registry = Registry::connect(&self.redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
        registry.add(tenant, mode, None).await.unwrap()
    }
}
