//! The HTTP client of this program: one agent with the TLS and proxy rules that hold for every request.

mod address;
mod proxy;

pub(crate) use address::base_url;

use crate::Error;
use anyhow::{Context, anyhow};
use proxy::Proxies;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, RequestBuilder};

/// Longest time to open a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// A client. Cloning it shares its connections.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    agent: Agent,
    proxies: Arc<Proxies>,
}

impl Http {
    /// A client that gives up on a connection on which nothing moves for `stall`. Certificates are checked against those
    /// in `ca_file` (PEM) if there is one, else against those of the system.
    ///
    /// # Errors
    /// A `ca_file` that cannot be read.
    pub(crate) fn new(ca_file: Option<&Path>, stall: Duration) -> Result<Self, Error> {
        let roots = match ca_file {
            Some(file) => certificates(file)?,
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .timeout_per_write(Some(stall))
            .user_agent(concat!("orfeas/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, proxies: Arc::new(Proxies::from_environment()) })
    }

    /// The agent, for building requests that then go through [`route`](Self::route).
    pub(crate) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Sends the request for `url` directly or through a proxy, by the rules of [`proxy`].
    ///
    /// # Errors
    /// [`Error::Usage`] when a proxy would be used but its address cannot be understood.
    pub(crate) fn route<Body>(&self, request: RequestBuilder<Body>, url: &str) -> Result<RequestBuilder<Body>, Error> {
        let proxy = self.proxies.of(url)?;
        Ok(request.config().proxy(proxy).build())
    }
}

fn certificates(file: &Path) -> Result<RootCerts, Error> {
    let name = || file.display().to_string();
    let pem = std::fs::read(file).with_context(name)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.with_context(name)? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(anyhow!("{}: no certificates in PEM form", file.display()).into());
    }
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

/// The innermost cause of an error, which names what is wrong: `Connection refused (os error 111)`.
pub(crate) fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::HostNotFound => "no such host".to_owned(),
        ureq::Error::Io(error) => io_reason(error),
        error => error.to_string(),
    }
}

/// The same for an error while a body is read.
pub(crate) fn io_reason(error: &io::Error) -> String {
    error.get_ref().and_then(|inner| inner.downcast_ref()).map_or_else(|| error.to_string(), reason)
}
