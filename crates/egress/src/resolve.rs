//! Name resolution.

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use std::io;
use std::net::IpAddr;

/// A pending lookup.
pub type Resolving<'a> = BoxFuture<'a, io::Result<Vec<IpAddr>>>;

/// Resolves host names. Called once per call.
pub trait Resolve: Send + Sync {
    /// All addresses of `host`, a name without trailing dot.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        tokio::net::lookup_host((host, 0)).map_ok(|found| found.map(|address| address.ip()).collect()).boxed()
    }
}
