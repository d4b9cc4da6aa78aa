//! The metrics recorder behind `/metrics`.

use crate::{Error, names};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;

/// Interval at which histograms are folded, so that samples do not accumulate between scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the metrics recorder of the process. [`crate::init()`] calls it; it can be called alone for metrics without
/// logs and traces. Further calls have no effect.
///
/// # Errors
/// [`Error::Recorder`] when another recorder is installed.
pub fn install_recorder() -> Result<(), Error> {
    recorder().map(|_| ()).ok_or(Error::Recorder)
}

/// All metrics of this process in the Prometheus text format.
pub fn render() -> String {
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}

fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER.get_or_init(install).as_ref()
}

fn install() -> Option<PrometheusHandle> {
    let mut builder = PrometheusBuilder::new();
    for metric in names::ALL {
        if !metric.buckets.is_empty() {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), metric.buckets)
                .expect("the buckets of a metric are not empty. This is a bug.");
        }
    }
    let handle = builder.install_recorder().ok()?;
    names::describe();
    let upkeep = handle.clone();
    let fold = move || {
        loop {
            std::thread::sleep(UPKEEP);
            upkeep.run_upkeep();
        }
    };
    // Without the thread, histograms are folded when they are scraped.
    let _ = std::thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(fold);
    Some(handle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn recorded_metrics_are_rendered_with_their_help() {
        install_recorder().unwrap();
        install_recorder().unwrap();
        metrics::counter!(names::JOBS_SUBMITTED).increment(2);
        metrics::histogram!(names::STAGE_SECONDS, "stage" => "denoise").record(0.3);
        let text = render();
        assert!(text.contains("# HELP orfeas_jobs_submitted_total "), "{text}");
        assert!(text.contains("# TYPE orfeas_jobs_submitted_total counter"), "{text}");
        assert!(text.contains("orfeas_jobs_submitted_total 2"), "{text}");
        assert!(text.contains("orfeas_stage_seconds_bucket{stage=\"denoise\",le=\"0.5\"} 1"), "{text}");
    }
}
