//! Tenants and keys as clients see them.

use access::{Issued, KeyInfo, Limits, Overrides, Tenant};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant: an agent or a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct TenantView {
    /// The id: `agt_…` or `usr_…`.
    id: String,
    /// Its name, which is unique.
    name: String,
    /// `agent` or `user`.
    class: &'static str,
    /// `free`, `standard`, `pro` or `unlimited`.
    tier: &'static str,
    /// Its permissions: `generate_3d`, `batch_generate`, `query_status`, `cancel`, `admin`.
    permissions: Vec<&'static str>,
    /// Networks that it may send requests from; empty: any.
    allow: Vec<String>,
    /// Whether it was revoked: none of its keys is valid.
    revoked: bool,
    /// When it was added, milliseconds since the Unix epoch.
    created_ms: u64,
    /// Its limits; 0 is no limit.
    limits: LimitsBody,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            name: tenant.name.clone(),
            class: tenant.class.as_str(),
            tier: tenant.tier.as_str(),
            permissions: tenant.permissions.iter().map(access::Permission::as_str).collect(),
            allow: tenant.allow.iter().map(ToString::to_string).collect(),
            revoked: tenant.disabled,
            created_ms: tenant.created_ms,
            limits: (&tenant.limits).into(),
        }
    }
}

/// A network, v4 or v6, in CIDR notation.
#[derive(ToSchema)]
#[schema(value_type = String, format = "ip-network")]
#[allow(dead_code)] // for the schema only: `ipnet` parses it
pub(super) struct Network(String);

/// Limits of a tenant: all of them, or those that replace its tier's. 0 is no limit.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantLimits)]
pub(super) struct LimitsBody {
    /// Requests of each key in any 60 seconds, for each kind of request that changes something.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    requests_per_minute: Option<u32>,
    /// Requests of each key in any 60 seconds that only read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    queries_per_minute: Option<u32>,
    /// Maximum number of its jobs that wait or run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    max_active_jobs: Option<u64>,
    /// Maximum number of its jobs that run; further ones wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    max_running_jobs: Option<u64>,
    /// Maximum number of its jobs that wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    max_queued_jobs: Option<u64>,
    /// Jobs in a UTC day.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    jobs_per_day: Option<u64>,
    /// Millions of pixels of images in a UTC day.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    megapixels_per_day: Option<u64>,
    /// Images in one batch; never more than 256.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u64)]
    max_batch_size: Option<u32>,
    /// Share of the workers, relative to the weights of other waiting tenants; 0.001 to 1000.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(minimum = 0.001, maximum = 1000.0)]
    weight: Option<f64>,
}

macro_rules! fields {
    ($($field:ident),*) => {
        impl From<&Limits> for LimitsBody {
            fn from(limits: &Limits) -> Self {
                Self { $($field: Some(limits.$field)),* }
            }
        }

        impl From<LimitsBody> for Overrides {
            fn from(body: LimitsBody) -> Self {
                Self { $($field: body.$field),* }
            }
        }
    };
}

fields!(
    requests_per_minute,
    queries_per_minute,
    max_active_jobs,
    max_running_jobs,
    max_queued_jobs,
    jobs_per_day,
    megapixels_per_day,
    max_batch_size,
    weight
);

/// A key without its secrets. Times are milliseconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyView {
    /// The id, which is also the `keyid` of RFC 9421 signatures.
    id: String,
    /// `live` or `test`.
    mode: &'static str,
    /// Whether it is valid now.
    works: bool,
    /// When it was created.
    created_ms: u64,
    /// When it expires or expired.
    expires_ms: Option<u64>,
    /// When it was last used, to the minute.
    used_ms: Option<u64>,
    /// When it was revoked.
    revoked_ms: Option<u64>,
}

impl From<KeyInfo> for KeyView {
    fn from(key: KeyInfo) -> Self {
        let KeyInfo { id, mode, works, created_ms, expires_ms, used_ms, revoked_ms } = key;
        Self { id: id.to_string(), mode: mode.as_str(), works, created_ms, expires_ms, used_ms, revoked_ms }
    }
}

/// A new key. Its secrets are in this response only.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedKey)]
pub(super) struct IssuedView {
    /// Its tenant.
    tenant: TenantView,
    /// The key's id.
    key_id: String,
    /// `live` or `test`.
    mode: &'static str,
    /// The key.
    api_key: String,
    /// The secret that signs requests; a user's key has none.
    signing_secret: Option<String>,
    /// When it expires, milliseconds since the Unix epoch.
    expires_ms: Option<u64>,
    /// The keys that it replaces, which stay valid until their grace is over.
    replaces: Vec<String>,
}

impl From<Issued> for IssuedView {
    fn from(issued: Issued) -> Self {
        Self {
            tenant: (&issued.tenant).into(),
            key_id: issued.key_id.to_string(),
            mode: issued.mode.as_str(),
            api_key: issued.api_key.expose_secret().to_owned(),
            signing_secret: issued.signing_secret.map(|secret| secret.expose_secret().to_owned()),
            expires_ms: issued.expires_ms,
            replaces: issued.replaces.iter().map(ToString::to_string).collect(),
        }
    }
}
