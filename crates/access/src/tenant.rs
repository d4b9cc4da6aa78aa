//! Tenants, the owners of jobs, and authenticated callers.

use crate::{Defaults, KeyId, Limits, Mode, Overrides, Permissions, TenantId, Tier};
use domain::Class;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr};

/// Version of a tenant's stored JSON.
pub(crate) const VERSION: u8 = 1;

/// An owner of jobs: a program or a person. Stored as JSON, from which [`Tenant::limits`] are computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Version of this layout, 1.
    pub v: u8,
    /// The id.
    pub id: TenantId,
    /// Display name, unique.
    pub name: String,
    /// `agent` for a program, `user` for a person.
    pub class: Class,
    /// Its tier.
    #[serde(default)]
    pub tier: Tier,
    /// Its permissions.
    #[serde(default)]
    pub permissions: Permissions,
    /// Limits that replace those of its tier.
    #[serde(default)]
    pub overrides: Overrides,
    /// Networks it may connect from; empty: any.
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// Whether it is revoked, so that none of its keys is accepted.
    #[serde(default)]
    pub disabled: bool,
    /// Time of creation, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub created_ms: u64,
    /// Effective limits: those of its tier, with its overrides applied.
    #[serde(skip, default = "no_limits")]
    pub limits: Limits,
}

/// Placeholder until the limits are resolved, which happens whenever a tenant is read.
fn no_limits() -> Limits {
    Limits::of(Class::User, Tier::Unlimited, &Overrides::default(), &Defaults::default())
}

impl Tenant {
    pub(crate) fn resolve(mut self, defaults: &Defaults) -> Self {
        self.limits = Limits::of(self.class, self.tier, &self.overrides, defaults);
        self
    }

    /// Whether requests from this address are permitted. An IPv4-mapped IPv6 address equals its IPv4 address.
    pub fn may_ask_from(&self, address: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|net| network_holds(net, address))
    }
}

/// Whether a network contains an address, where either may be written in IPv4-mapped form.
pub fn network_holds(net: &IpNet, address: IpAddr) -> bool {
    let address = address.to_canonical();
    if net.contains(&address) {
        return true;
    }
    match (net, address) {
        (IpNet::V6(net), IpAddr::V4(address)) => net.contains(&address.to_ipv6_mapped()) && is_mapped(net),
        _ => false,
    }
}

/// Whether a network lies within `::ffff:0:0/96`. `::/0` means all of IPv6 and must not include IPv4.
fn is_mapped(net: &ipnet::Ipv6Net) -> bool {
    net.prefix_len() >= 96
        && net.network().segments()[..6] == Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0).segments()[..6]
}

/// An authenticated sender of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The tenant.
    pub tenant: Tenant,
    /// The key that authenticated it.
    pub key_id: KeyId,
    /// Live or test.
    pub mode: Mode,
}

impl Caller {
    /// The class of this caller's jobs. Jobs of test keys are simulated.
    pub fn job_class(&self) -> Class {
        match self.mode {
            Mode::Live => self.tenant.class,
            Mode::Test => Class::Test,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tenant(allow: &[&str]) -> Tenant {
        Tenant {
            v: VERSION,
            id: TenantId::new(Class::Agent).unwrap(),
            name: "ada".to_owned(),
            class: Class::Agent,
            tier: Tier::Free,
            permissions: Permissions::default(),
            overrides: Overrides::default(),
            allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
            disabled: false,
            created_ms: 7,
            limits: no_limits(),
        }
    }

    #[test]
    fn networks_contain_addresses_in_either_notation() {
        let anywhere = tenant(&[]);
        let v4 = tenant(&["192.0.2.0/24"]);
        let mapped = tenant(&["::ffff:192.0.2.0/120"]);
        let v6 = tenant(&["2001:db8::/32", "::/0"]);
        for (address, expected) in [
            ("192.0.2.7", [true, true, true, false]),
            ("::ffff:192.0.2.7", [true, true, true, false]),
            ("192.0.3.7", [true, false, false, false]),
            ("::ffff:192.0.3.7", [true, false, false, false]),
            ("2001:db8::1", [true, false, false, true]),
            ("::192.0.2.7", [true, false, false, true]),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let found = [&anywhere, &v4, &mapped, &v6].map(|tenant| tenant.may_ask_from(address));
            assert_eq!(found, expected, "{address}");
        }
    }

    #[test]
    fn an_older_record_is_read_with_defaults_and_limits_are_resolved() {
        let id = TenantId::new(Class::Agent).unwrap();
        let json = format!("{{\"v\":1,\"id\":\"{id}\",\"name\":\"ada\",\"class\":\"agent\"}}");
        let read = serde_json::from_str::<Tenant>(&json).unwrap().resolve(&Defaults::default());
        assert_eq!((read.tier, read.limits.requests_per_minute), (Tier::Standard, 100));
        let written = serde_json::to_value(tenant(&["10.0.0.0/8"])).unwrap();
        assert_eq!((written["allow"][0].as_str(), written.get("limits")), (Some("10.0.0.0/8"), None));
    }
}
