//! Propagation of traces between processes.

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// The current span as a W3C `traceparent`, to be stored with work for another process. `None` where no span is
/// recorded.
pub fn traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// The current span's trace id, 32 lower-case hex digits. `None` where no span is recorded.
pub fn trace_id() -> Option<String> {
    let context = Span::current().context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| span_context.trace_id().to_string())
}

/// Makes `span` a child of the span that `traceparent` names. An invalid `traceparent` is ignored. Must be called before
/// the span is entered.
pub fn set_parent(span: &Span, traceparent: &str) {
    if let Some(context) = remote(traceparent) {
        // A span that is filtered out has no trace to join.
        let _ = span.set_parent(context);
    }
}

/// Links `span` to the span that `traceparent` names, as a batch is linked to each of its jobs. An invalid `traceparent`
/// is ignored.
pub fn link_to(span: &Span, traceparent: &str) {
    if let Some(context) = remote(traceparent) {
        span.add_link(context.span().span_context().clone());
    }
}

fn remote(traceparent: &str) -> Option<Context> {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.span().span_context().is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced<T>(work: impl FnOnce() -> T) -> T {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work)
    }

    #[test]
    fn a_span_joins_the_given_trace_and_propagates_it() {
        traced(|| {
            let span = tracing::info_span!("child");
            set_parent(&span, PARENT);
            let _entered = span.enter();
            assert_eq!(trace_id().unwrap(), "0af7651916cd43dd8448eb211c80319c");
            let onward = traceparent().unwrap();
            assert!(onward.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{onward}");
            assert_ne!(onward, PARENT, "the span has an id of its own");
        });
    }

    #[test]
    fn an_invalid_traceparent_starts_a_new_trace() {
        for invalid in ["", "00", "00-00000000000000000000000000000000-0000000000000000-01", "hello\nworld"] {
            traced(|| {
                let span = tracing::info_span!("alone");
                set_parent(&span, invalid);
                let _entered = span.enter();
                assert_eq!(trace_id().unwrap().len(), 32, "{invalid:?}");
            });
        }
    }

    #[test]
    fn without_a_span_there_is_no_trace() {
        traced(|| assert_eq!((traceparent(), trace_id()), (None, None)));
    }
}
