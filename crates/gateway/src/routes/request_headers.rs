//! The OpenAPI descriptions of the headers of requests for jobs.
#![allow(dead_code)] // only described: `submit::Naming` and `no_cache` read them

use utoipa::IntoParams;

/// Makes a request idempotent.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct IdempotencyKey {
    /// Your own key for this request: however often it arrives with the same key, it counts once.
    #[param(rename = "Idempotency-Key", max_length = 128, pattern = r"^\.*[A-Za-z0-9_:~-][A-Za-z0-9._:~-]*$")]
    idempotency_key: Option<String>,
}

/// Excludes results that were made before.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct CacheControl {
    /// `no-cache` asks for a new mesh even if the same was made before; so does `cache: false` in the body.
    #[param(rename = "Cache-Control")]
    cache_control: Option<String>,
}
