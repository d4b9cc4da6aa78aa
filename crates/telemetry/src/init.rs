//! Setting up, once per process.

use crate::{LogFormat, TelemetryOptions};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter cannot be read.
    #[error("the log filter {filter:?} is not valid")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The trace exporter cannot be built for this endpoint.
    #[error("traces cannot be sent to {endpoint}")]
    Exporter {
        /// What was given.
        endpoint: String,
        /// Why not.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// Something else already receives this process's logs.
    #[error("logging is already set up in this process")]
    Taken(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// Something else already receives this process's metrics.
    #[error("metrics are already recorded elsewhere in this process")]
    Recorder,
}

/// Keeps the exporters. [`Guard::flush`] it before the process leaves, or the last spans are lost.
#[derive(Debug)]
#[must_use = "the last spans are lost unless the guard is flushed before the process leaves"]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Guard {
    /// Sends what is still buffered and stops the exporter. A collector that cannot be reached is logged, not waited
    /// for beyond the exporter's own time limit.
    pub async fn flush(self) {
        // The exporter's thread talks through this runtime, so no runtime thread may block on it.
        let stopped = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(error = %error, "the last spans could not be sent");
        }
    }
}

/// Sets up logs, traces and metrics of this process. Call it once, from inside a Tokio runtime.
///
/// # Errors
/// A filter or endpoint that cannot be used, or a process that has been set up before.
pub fn init(options: &TelemetryOptions, service: &'static str) -> Result<Guard, Error> {
    let filter =
        EnvFilter::try_new(&options.log).map_err(|source| Error::Filter { filter: options.log.clone(), source })?;
    let provider = tracer_provider(options, service)?;

    let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer(service));
    let logs: Box<dyn Layer<_> + Send + Sync> = match options.log_format {
        LogFormat::Json => tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Pretty => tracing_subscriber::fmt::layer().boxed(),
    };
    tracing::subscriber::set_global_default(Registry::default().with(filter).with(traces).with(logs))?;
    crate::install_recorder()?;
    Ok(Guard { provider })
}

fn tracer_provider(options: &TelemetryOptions, service: &'static str) -> Result<SdkTracerProvider, Error> {
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let endpoint = options.otlp_endpoint.as_deref().map(str::trim).filter(|endpoint| !endpoint.is_empty());
    let Some(endpoint) = endpoint else { return Ok(builder.build()) };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|source| Error::Exporter { endpoint: endpoint.to_owned(), source })?;
    Ok(builder.with_batch_exporter(exporter).build())
}
