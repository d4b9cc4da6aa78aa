//! One call.

use crate::answer::{Answer, beginning, whole};
use crate::resolve::{Resolve, SystemResolver};
use crate::{EgressOptions, Error, Refused, Target, is_public, tls};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONNECTION, HOST, USER_AGENT};
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

/// Of a name's addresses at most so many are tried, each for this long.
const MOST_ADDRESSES: usize = 4;
const CONNECT: Duration = Duration::from_secs(4);

/// Most headers of an answer, and most bytes of them.
const MOST_HEADERS: usize = 64;
const MOST_HEADER_BYTES: usize = 32 << 10;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("orfeas/", env!("CARGO_PKG_VERSION")));

/// The way out. Clones share it.
#[derive(Clone)]
pub struct Egress {
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    allow: Arc<[IpNet]>,
    ports: Arc<[u16]>,
    calls: Arc<Semaphore>,
}

impl Egress {
    /// Opens it, with the system's resolver.
    ///
    /// # Errors
    /// A file of certificates that cannot be used.
    pub fn new(options: &EgressOptions) -> Result<Self, Error> {
        Self::with_resolver(options, Arc::new(SystemResolver))
    }

    /// Opens it with another resolver.
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

    /// Reads a URL and judges what its text tells; nothing is asked or called.
    ///
    /// # Errors
    /// [`Refused::Url`], or [`Refused::Inside`] for an address that is not on the public internet.
    pub fn target(&self, url: &str) -> Result<Target, Refused> {
        let target = Target::parse(url, &self.ports)?;
        match target.address() {
            Some(address) if !self.may_call(address) => Err(Refused::Inside),
            _ => Ok(target),
        }
    }

    /// Fetches a file of at most `most` bytes within `time`.
    ///
    /// # Errors
    /// Whatever hinders it; an answer other than 200 (redirects too) is [`Refused::Status`].
    pub async fn get(&self, url: &str, most: usize, time: Duration) -> Result<Bytes, Refused> {
        let target = self.target(url)?;
        let within = async {
            let (response, _connection) = self.call(&target, Method::GET, HeaderMap::new(), Bytes::new()).await?;
            whole(response, most).await
        };
        timeout(time, within).await.unwrap_or(Err(Refused::TooSlow))
    }

    /// Posts a body, and returns the answer, whatever its status, with the first `most` bytes of its body, within
    /// `time`.
    ///
    /// # Errors
    /// Whatever hinders an answer.
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        most: usize,
        time: Duration,
    ) -> Result<Answer, Refused> {
        let target = self.target(url)?;
        let within = async {
            let (response, _connection) = self.call(&target, Method::POST, headers, body).await?;
            Ok(beginning(response, most).await)
        };
        timeout(time, within).await.unwrap_or(Err(Refused::TooSlow))
    }

    fn may_call(&self, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|network| network.contains(&address))
    }

    /// The addresses of a target: asked for once, each one judged.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, Refused> {
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => self.resolver.resolve(target.host()).await.map_err(|error| Refused::Unknown(Some(error)))?,
        };
        if addresses.is_empty() {
            return Err(Refused::Unknown(None));
        }
        // One that leads inside spoils them all: an honest name has none.
        if addresses.iter().all(|address| self.may_call(*address)) { Ok(addresses) } else { Err(Refused::Inside) }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, Refused> {
        let mut last = None;
        for address in self.addresses(target).await?.into_iter().take(MOST_ADDRESSES) {
            match timeout(CONNECT, TcpStream::connect(SocketAddr::new(address, target.port()))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(error),
                Err(_) => {}
            }
        }
        Err(last.map_or(Refused::TooSlow, |error| Refused::Unreachable(error.into())))
    }

    /// The head of the answer, and the connection, which is closed when it is dropped.
    async fn call(
        &self,
        target: &Target,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<(Response<Incoming>, Connection), Refused> {
        let permit =
            Arc::clone(&self.calls).acquire_owned().await.map_err(|error| Refused::Unreachable(error.into()))?;
        let host = HeaderValue::from_str(target.authority()).map_err(|_| Refused::Url("The URL cannot be read."))?;
        headers.insert(HOST, host);
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.path().parse().map_err(|_| Refused::Url("The URL cannot be read."))?;
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

/// What keeps a call going.
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
    http.max_headers(MOST_HEADERS).max_buf_size(MOST_HEADER_BYTES);
    let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // How it ends is told by the answer.
    let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
    Ok((sender.send_request(request).await.map_err(broken)?, driver))
}
