//! The HTTP client.

use crate::answer::{Answer, beginning, whole};
use crate::resolve::{Resolve, SystemResolver};
use crate::{EgressOptions, Error, Refused, Target, is_public, tls};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// Addresses of a host that are tried, and the time for each.
const MAX_ADDRESSES: usize = 4;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// Redirects that [`Egress::get`] follows.
const MAX_REDIRECTS: usize = 3;

/// Headers of a response, and their total size in bytes.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 32 << 10;

const USER_AGENT_VALUE: HeaderValue = HeaderValue::from_static(concat!("orfeas/", env!("CARGO_PKG_VERSION")));

/// The HTTP client. Clones share its limits.
#[derive(Clone)]
pub struct Egress {
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    allow: Arc<[IpNet]>,
    ports: Arc<[u16]>,
    calls: Arc<Semaphore>,
}

impl Egress {
    /// A client with the system's resolver.
    ///
    /// # Errors
    /// [`Error::Certificates`] for an unusable certificate file.
    pub fn new(options: &EgressOptions) -> Result<Self, Error> {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// A client with another resolver.
    ///
    /// # Errors
    /// As [`Egress::new`].
    pub fn with_resolver(options: &EgressOptions, resolver: Arc<dyn Resolve>) -> Result<Self, Error> {
        Ok(Self {
            resolver,
            tls: tls::client(options.egress_ca_file.as_deref())?.into(),
            allow: options.egress_allow.as_slice().into(),
            ports: options.egress_ports.as_slice().into(),
            calls: Arc::new(Semaphore::new(options.egress_calls.into())),
        })
    }

    /// Parses and checks a URL without resolving its host.
    ///
    /// # Errors
    /// [`Refused::Url`], or [`Refused::Inside`] for an address that is not on the public internet.
    pub fn target(&self, url: &str) -> Result<Target, Refused> {
        let target = Target::parse(url, &self.ports)?;
        match target.address() {
            Some(address) if !self.is_permitted(address) => Err(Refused::Inside),
            _ => Ok(target),
        }
    }

    /// Fetches a file of at most `max_bytes` within `time`. Follows up to three redirects; each target is checked like the
    /// first, and `https` never leads to `http`.
    ///
    /// # Errors
    /// [`Refused`]; a final status other than 200 is [`Refused::Status`].
    pub async fn get(&self, url: &str, max_bytes: usize, time: Duration) -> Result<Bytes, Refused> {
        let mut target = self.target(url)?;
        let fetched = async {
            for _ in 0..=MAX_REDIRECTS {
                let (response, _connection) = self.call(&target, Method::GET, HeaderMap::new(), Bytes::new()).await?;
                match self.redirect(&target, &response)? {
                    Some(next) => target = next,
                    None => return whole(response, max_bytes).await,
                }
            }
            Err(Refused::Redirects(MAX_REDIRECTS))
        };
        timeout(time, fetched).await.unwrap_or(Err(Refused::TooSlow))
    }

    /// The checked target of a redirect; `None` for any other response.
    fn redirect(&self, from: &Target, response: &Response<Incoming>) -> Result<Option<Target>, Refused> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        let location = location.to_str().map_err(|_| Refused::Url("The host redirects to an invalid URL."))?;
        let next = self.target(&from.join(location)?)?;
        if from.is_secure() && !next.is_secure() {
            return Err(Refused::Url("The host redirects from https:// to http://."));
        }
        Ok(Some(next))
    }

    /// Posts a body within `time`, and returns the response, whatever its status, with the first `max_bytes` of its body.
    /// Does not follow redirects.
    ///
    /// # Errors
    /// [`Refused`] if there is no response.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        max_bytes: usize,
        time: Duration,
    ) -> Result<Answer, Refused> {
        let target = self.target(url)?;
        let posted = async {
            let (response, _connection) = self.call(&target, Method::POST, headers, body).await?;
            Ok(beginning(response, max_bytes).await)
        };
        timeout(time, posted).await.unwrap_or(Err(Refused::TooSlow))
    }

    fn is_permitted(&self, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|network| network.contains(&address))
    }

    /// The addresses of a target: resolved once, each one checked.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, Refused> {
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => self.resolver.resolve(target.host()).await.map_err(|error| Refused::Unknown(Some(error)))?,
        };
        if addresses.is_empty() {
            return Err(Refused::Unknown(None));
        }
        // A single internal address is refused: public hosts have none.
        if addresses.iter().all(|address| self.is_permitted(*address)) { Ok(addresses) } else { Err(Refused::Inside) }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, Refused> {
        let mut last = None;
        for address in self.addresses(target).await?.into_iter().take(MAX_ADDRESSES) {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(SocketAddr::new(address, target.port()))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
        }
        Err(last.map_or(Refused::TooSlow, |error| Refused::Unreachable(error.into())))
    }

    /// Sends a request. Returns the response and the connection, which closes when dropped.
    async fn call(
        &self,
        target: &Target,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Response<Incoming>, Connection), Refused> {
        let permit =
            Arc::clone(&self.calls).acquire_owned().await.map_err(|error| Refused::Unreachable(error.into()))?;
        let host = HeaderValue::from_str(target.authority()).map_err(|_| Refused::Url("The URL is invalid."))?;
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, USER_AGENT_VALUE);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.path().parse().map_err(|_| Refused::Url("The URL is invalid."))?;
        *request.headers_mut() = headers;

        let stream = self.connect(target).await?;
        let (response, driver) = if target.is_secure() {
            let name =
                ServerName::try_from(target.host().to_owned()).map_err(|_| Refused::Url("The URL names no host."))?;
            let stream = self.tls.connect(name, stream).await.map_err(Refused::Insecure)?;
            send(stream, request).await?
        } else {
            send(stream, request).await?
        };
        Ok((response, Connection { _driver: driver, _permit: permit }))
    }
}

/// An open connection with its permit.
struct Connection {
    _driver: AbortOnDropHandle<()>,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), Refused> {
    let broken = |error: hyper::Error| Refused::Unreachable(error.into());
    let mut http = http1::Builder::new();
    http.max_headers(MAX_HEADERS).max_buf_size(MAX_HEADER_BYTES);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Errors of the connection also surface in the response.
    let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
    Ok((sender.send_request(request).await.map_err(broken)?, driver))
}
