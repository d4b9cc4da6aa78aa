//! Initialization, once per process.

use crate::{LogFormat, TelemetryOptions};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// The reason for which telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter is not valid.
    #[error("the log filter {filter:?} is not valid")]
    Filter {
        /// The given filter.
        filter: String,
        /// The cause.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The trace exporter cannot be built for this endpoint.
    #[error("traces cannot be sent to {endpoint}")]
    Exporter {
        /// The given endpoint.
        endpoint: String,
        /// The cause.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The process already has a global subscriber for logs.
    #[error("logging is already set up in this process")]
    Taken(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// The process already has a global recorder of metrics.
    #[error("another metrics recorder is already installed in this process")]
    Recorder,
}

/// Owns the exporters. Call [`Guard::flush`] before the process exits, or the last spans are lost.
#[derive(Debug)]
#[must_use = "the last spans are lost unless the guard is flushed before the process exits"]
pub struct Guard {
    provider: SdkTracerProvider,
}

impl Guard {
    /// Sends the buffered spans and stops the exporter. An unreachable collector is logged; the exporter's own timeout
    /// bounds the wait.
    pub async fn flush(self) {
        // The exporter's thread uses this runtime, so no runtime thread may block on it.
        let stopped = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = stopped {
            tracing::warn!(error = %error, "the last spans could not be sent");
        }
    }
}

/// Sets up logs, traces and metrics of this process. Call it once, from inside a Tokio runtime.
///
/// # Errors
/// When the filter or the endpoint is not valid, or when telemetry is already set up in this process.
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
