//! Starts, serves and drains a service.

use crate::edge::{compress, cors, drain, head_as_get, keep_sent};
use crate::middleware::middleware;
use crate::openapi::{self, ApiDocument};
use crate::pages::FrontPage;
use crate::readiness::ReadinessCheck;
use crate::request::RequestSpan;
use crate::{Authenticator, Binding, ServerOptions, ServiceOptions, probes};
use access::audit::Audit;
use actix_web::middleware::{Condition, NormalizePath, from_fn};
use actix_web::{App, HttpServer, web};
use blobs::Blobs;
use queue::Queue;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_actix_web::TracingLogger;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

/// The longest time for the head of a request to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait for the last audit records to be written.
const AUDIT_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// A service that failed to start or to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The master key cannot be read, or the registry of tenants cannot be used.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The queue cannot be used.
    #[error("the queue cannot be used")]
    Queue(#[from] queue::Error),
    /// The blob store cannot be used.
    #[error("the blob store cannot be used")]
    Blobs(#[from] blobs::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file for the bound address cannot be written.
    #[error("cannot write the address file {path}", path = path.display())]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The server failed while serving.
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
}

/// The connections of a service. Handlers take them as `web::Data`.
#[derive(Clone)]
pub struct AppState {
    /// Authentication and rate limits.
    pub authenticator: Authenticator,
    /// The queue of jobs.
    pub queue: Queue,
    /// The store of images and artifacts.
    pub blobs: Blobs,
    /// How the service uses the store.
    pub blob_access: BlobAccess,
}

impl AppState {
    /// Opens all of them.
    ///
    /// # Errors
    /// [`Error::Access`], [`Error::Queue`], [`Error::Blobs`].
    pub async fn open(options: &ServiceOptions, blob_access: BlobAccess) -> Result<Self, Error> {
        let ServiceOptions { access, redis, blobs, .. } = options;
        let master = access.master.load()?;
        let queue = Queue::connect(redis).await?;
        let authenticator = Authenticator::open(access, &master, redis.redis_url.expose(), &redis.key_prefix).await?;
        Ok(Self { authenticator, queue, blobs: Blobs::open(blobs)?, blob_access })
    }
}

/// How a service uses the blob store, which decides what readiness checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobAccess {
    /// It stores blobs.
    Write,
    /// It only reads them; the store may be read-only.
    Read,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
    audit: Audit,
}

impl Server {
    /// Binds and serves `routes`, the probes, and the OpenAPI document that starts with `api`. When `shutdown` is cancelled,
    /// the server stops accepting, waits for running requests, and closes. Handlers that stream take
    /// `web::Data<CancellationToken>` to end in time. Call it from inside a Tokio runtime.
    ///
    /// # Errors
    /// An address that cannot be bound, or an address file that cannot be written.
    pub fn start<R>(
        binding: &Binding,
        options: &ServerOptions,
        state: AppState,
        api: OpenApi,
        routes: R,
        shutdown: CancellationToken,
    ) -> Result<Self, Error>
    where
        R: Fn(&mut ServiceConfig<'_>) + Clone + Send + 'static,
    {
        // Without telemetry there are still metrics; a program with a recorder of its own keeps it.
        let _ = telemetry::install_recorder();
        let bind = |source| Error::Bind { address: binding.listen, source };
        let listener = TcpListener::bind(binding.listen).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;

        let audit = state.authenticator.audit().clone();
        let readiness = ReadinessCheck::new(state.queue.clone(), state.blobs.clone(), state.blob_access);
        let readiness = web::Data::new(readiness);
        let (authenticator, queue, blobs) =
            (web::Data::new(state.authenticator), web::Data::new(state.queue), web::Data::new(state.blobs));
        let front_page = web::Data::new(FrontPage::new(&api.info.title));
        let token = web::Data::new(shutdown.clone());
        let origins = options.cors_origin.clone();
        let app = move || {
            let (app, document) = App::new()
                .into_utoipa_app()
                .openapi(api.clone())
                .configure(probes::routes)
                .configure(routes.clone())
                .default_service(web::to(openapi::fallback))
                .split_for_parts();
            app.app_data(authenticator.clone())
                .app_data(queue.clone())
                .app_data(blobs.clone())
                .app_data(front_page.clone())
                .app_data(readiness.clone())
                .app_data(token.clone())
                .app_data(web::Data::new(ApiDocument::new(document)))
                .wrap(from_fn(compress))
                .wrap(from_fn(head_as_get))
                .wrap(Condition::new(!origins.is_empty(), cors(&origins)))
                .wrap(from_fn(middleware))
                .wrap(TracingLogger::<RequestSpan>::new())
                .wrap(NormalizePath::trim())
                .wrap(from_fn(drain))
                // The last is the outermost: it sees a request first.
                .wrap(from_fn(keep_sent))
        };
        let mut server = HttpServer::new(app)
            .disable_signals()
            .client_request_timeout(HEAD_TIMEOUT)
            .max_connections(usize::try_from(options.http_connections).unwrap_or(usize::MAX))
            .shutdown_timeout(options.drain_seconds.into());
        if let Some(threads) = options.http_threads {
            server = server.workers(threads.into());
        }
        let server = server.listen(listener).map_err(bind)?.run();

        let handle = server.handle();
        let stop = shutdown.clone();
        tokio::spawn(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        let served = tokio::spawn(server);
        if let Some(path) = &binding.addr_file {
            write_address(path, address).map_err(|source| Error::AddressFile { path: path.clone(), source })?;
        }
        tracing::info!(addr = %address, "listening");
        Ok(Self { address, shutdown, served, audit })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drains the server and waits until it has ended.
    ///
    /// # Errors
    /// [`Error::Serve`] if it failed.
    pub async fn stop(self) -> Result<(), Error> {
        self.shutdown.cancel();
        self.ended().await
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// [`Error::Serve`] if it failed.
    pub async fn ended(self) -> Result<(), Error> {
        let served = self.served.await.map_err(std::io::Error::other).and_then(|served| served);
        // They are lost if Redis is not available.
        let _ = tokio::time::timeout(AUDIT_FLUSH_TIMEOUT, self.audit.flush()).await;
        served.map_err(Error::Serve)
    }
}

/// Written via rename, so that readers never see a partial file.
fn write_address(path: &std::path::Path, address: SocketAddr) -> std::io::Result<()> {
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, address.to_string())?;
    std::fs::rename(beside, path)
}
