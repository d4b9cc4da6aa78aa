//! Every metric: its name, kind, unit, labels and help text. Seconds and bytes are the only units of time and size.

use metrics::Unit;

/// HTTP requests answered. Labels: `method`, `route` (the pattern, never the path), `status`.
pub const HTTP_REQUESTS: &str = "orfeas_http_requests_total";
/// Time to answer an HTTP request, up to the head of the answer. Labels: `method`, `route`.
pub const HTTP_REQUEST_SECONDS: &str = "orfeas_http_request_seconds";
/// Answers that were problems. Label: `code`, as in the error table.
pub const HTTP_PROBLEMS: &str = "orfeas_http_problems_total";
/// Requests whose sender was not proven. Label: `reason`, such as `unknown_key` or `wrong_signature`: finer than what
/// clients are told.
pub const AUTH_FAILURES: &str = "orfeas_auth_failures_total";
/// Requests whose sender was proven. Labels: `operation`; `outcome`, `allowed` or `refused`; `reason`, empty for what was
/// allowed.
pub const DECISIONS: &str = "orfeas_decisions_total";
/// Decisions that are missing in the audit, because its buffer was full.
pub const AUDIT_DROPPED: &str = "orfeas_audit_dropped_total";
/// Sizes of accepted pictures.
pub const UPLOAD_BYTES: &str = "orfeas_upload_bytes";
/// Time to check one picture, decoding included.
pub const PICTURE_CHECK_SECONDS: &str = "orfeas_picture_check_seconds";
/// Pictures fetched by URL. Label: `outcome`: `fetched`, or why not, such as `inside` or `too_slow`.
pub const PICTURE_FETCHES: &str = "orfeas_picture_fetches_total";
/// Event streams open now.
pub const EVENT_STREAMS: &str = "orfeas_event_streams";
/// Bytes of meshes and thumbnails handed out. Label: `kind`, `mesh` or `thumbnail`.
pub const SERVED_BYTES: &str = "orfeas_served_bytes_total";

/// Blobs that nobody needed any more, taken away.
pub const BLOBS_SWEPT: &str = "orfeas_blobs_swept_total";
/// Bytes of blobs that were taken away.
pub const BLOBS_SWEPT_BYTES: &str = "orfeas_blobs_swept_bytes_total";

/// Jobs that were asked for and accepted. Label: `how`: `new`, `repeated` (the same request), `attached` (to a job that
/// makes the same mesh), `cached` (the mesh was there). The hit rate of the cache is `cached` and `attached` over all.
pub const JOBS_SUBMITTED: &str = "orfeas_jobs_submitted_total";
/// Jobs withdrawn by their owner.
pub const JOBS_CANCELLED: &str = "orfeas_jobs_cancelled_total";
/// Attempts that a worker ended. Label: `outcome`: `succeeded`, `failed` (for good), `retried`, `cancelled`,
/// `released` (handed back on shutdown), `lost`.
pub const JOBS_FINISHED: &str = "orfeas_jobs_finished_total";
/// Jobs in the queue. Labels: `class`: `agent`, `user`, `test`; `state`: `queued`, `running`.
pub const QUEUE_DEPTH: &str = "orfeas_queue_depth";
/// Dead letters.
pub const DEAD_LETTERS: &str = "orfeas_dead_letters";
/// Writes of workers that no longer held their job, refused, of all processes together.
pub const FENCED_WRITES: &str = "orfeas_fenced_writes_total";
/// Leases that ran out and were taken back, of all processes together.
pub const LEASES_RECLAIMED: &str = "orfeas_leases_reclaimed_total";
/// Jobs that all live workers together can run at once.
pub const WORKER_SEATS: &str = "orfeas_worker_seats";
/// From submission to the first lease.
pub const QUEUE_WAIT_SECONDS: &str = "orfeas_queue_wait_seconds";
/// From submission to the stored mesh.
pub const JOB_SECONDS: &str = "orfeas_job_seconds";

/// Calls to endpoints of tenants. Label: `outcome`: `delivered`, `pending` (to be tried again), `failed` (given up).
pub const WEBHOOK_ATTEMPTS: &str = "orfeas_webhook_attempts_total";

/// Time a job spent in one stage. Label: `stage`.
pub const STAGE_SECONDS: &str = "orfeas_stage_seconds";
/// Rows that shared one denoising step.
pub const BATCH_SIZE: &str = "orfeas_batch_size";
/// Time of one denoising step of the whole batch.
pub const STEP_SECONDS: &str = "orfeas_step_seconds";
/// Why a batch stopped growing. Label: `reason`.
pub const BATCH_STOPS: &str = "orfeas_batch_stops_total";
/// Jobs this worker holds leases of.
pub const JOBS_HELD: &str = "orfeas_jobs_held";
/// Leases renewed.
pub const LEASE_RENEWED: &str = "orfeas_lease_renewed_total";
/// Leases found lost: another worker has the job, or will.
pub const LEASE_LOST: &str = "orfeas_lease_lost_total";
/// Device faults that ended an engine. Label: `kind`, such as `out_of_memory`.
pub const DEVICE_FAULTS: &str = "orfeas_device_faults_total";
/// Device memory. Labels: `device`, `kind`: `used`, `total`.
pub const DEVICE_MEMORY_BYTES: &str = "orfeas_device_memory_bytes";
/// Share of the last sampling period in which the device was busy, 0 to 1. Label: `device`.
pub const DEVICE_BUSY_RATIO: &str = "orfeas_device_busy_ratio";
/// Time it took to load the model.
pub const MODEL_LOAD_SECONDS: &str = "orfeas_model_load_seconds";

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric as it is described to Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it measures.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// One sentence for the reader of a dashboard.
    pub help: &'static str,
    /// Upper bounds of a histogram's buckets.
    pub buckets: &'static [f64],
}

/// Requests and checks: a millisecond to half a minute.
const SHORT: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Stages and steps of a model: ten milliseconds to ten minutes.
const MEDIUM: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 600.0];
/// Whole jobs and their waiting: a tenth of a second to two hours.
const LONG: &[f64] = &[0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];
const ROWS: &[f64] = &[1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0];
const SIZES: &[f64] = &[1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8];

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, unit: Unit::Count, help, buckets: &[] }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, buckets: &[] }
}

const fn histogram(name: &'static str, unit: Unit, help: &'static str, buckets: &'static [f64]) -> Metric {
    Metric { name, kind: Kind::Histogram, unit, help, buckets }
}

/// All metrics.
pub const ALL: &[Metric] = &[
    counter(HTTP_REQUESTS, "HTTP requests answered, by method, route and status"),
    histogram(HTTP_REQUEST_SECONDS, Unit::Seconds, "Time up to the head of the answer, by method and route", SHORT),
    counter(HTTP_PROBLEMS, "Answers that were problems, by code"),
    counter(AUTH_FAILURES, "Requests whose sender was not proven, by reason"),
    counter(DECISIONS, "Requests whose sender was proven, by operation, outcome and reason"),
    counter(AUDIT_DROPPED, "Decisions that are missing in the audit"),
    histogram(UPLOAD_BYTES, Unit::Bytes, "Sizes of accepted pictures", SIZES),
    histogram(PICTURE_CHECK_SECONDS, Unit::Seconds, "Time to check one picture, decoding included", SHORT),
    counter(PICTURE_FETCHES, "Pictures fetched by URL, by outcome"),
    gauge(EVENT_STREAMS, Unit::Count, "Event streams open now"),
    Metric { unit: Unit::Bytes, ..counter(SERVED_BYTES, "Bytes of meshes and thumbnails handed out, by kind") },
    counter(BLOBS_SWEPT, "Blobs that nobody needed any more, taken away"),
    Metric { unit: Unit::Bytes, ..counter(BLOBS_SWEPT_BYTES, "Bytes of blobs that were taken away") },
    counter(JOBS_SUBMITTED, "Jobs that were asked for and accepted, by how: new, repeated, attached or cached"),
    counter(JOBS_CANCELLED, "Jobs withdrawn by their owner"),
    counter(JOBS_FINISHED, "Attempts that a worker ended, by outcome"),
    gauge(QUEUE_DEPTH, Unit::Count, "Jobs in the queue, by class and state"),
    gauge(DEAD_LETTERS, Unit::Count, "Dead letters"),
    counter(FENCED_WRITES, "Writes of workers that no longer held their job, refused"),
    counter(LEASES_RECLAIMED, "Leases that ran out and were taken back"),
    gauge(WORKER_SEATS, Unit::Count, "Jobs that all live workers together can run at once"),
    histogram(QUEUE_WAIT_SECONDS, Unit::Seconds, "From submission to the first lease", LONG),
    histogram(JOB_SECONDS, Unit::Seconds, "From submission to the stored mesh", LONG),
    counter(WEBHOOK_ATTEMPTS, "Calls to endpoints of tenants, by outcome"),
    histogram(STAGE_SECONDS, Unit::Seconds, "Time a job spent in one stage, by stage", MEDIUM),
    histogram(BATCH_SIZE, Unit::Count, "Rows that shared one denoising step", ROWS),
    histogram(STEP_SECONDS, Unit::Seconds, "Time of one denoising step of the whole batch", MEDIUM),
    counter(BATCH_STOPS, "Why batches stopped growing, by reason"),
    gauge(JOBS_HELD, Unit::Count, "Jobs this worker holds leases of"),
    counter(LEASE_RENEWED, "Leases renewed"),
    counter(LEASE_LOST, "Leases found lost"),
    counter(DEVICE_FAULTS, "Device faults that ended an engine, by kind"),
    gauge(DEVICE_MEMORY_BYTES, Unit::Bytes, "Device memory, by device and kind"),
    gauge(DEVICE_BUSY_RATIO, Unit::Count, "Share of the last sampling period in which the device was busy"),
    gauge(MODEL_LOAD_SECONDS, Unit::Seconds, "Time it took to load the model"),
];

/// Tells the recorder what each metric is.
pub(crate) fn describe() {
    for Metric { name, kind, unit, help, .. } in ALL {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *unit, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *unit, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *unit, *help),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = HashSet::new();
        for metric in ALL {
            let name = metric.name;
            assert!(seen.insert(name), "{name} is listed twice");
            assert!(name.starts_with("orfeas_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(!metric.buckets.is_empty(), metric.kind == Kind::Histogram, "{name}");
            assert_eq!(name.contains("_seconds"), metric.unit == Unit::Seconds, "{name}");
            assert_eq!(name.contains("_bytes"), metric.unit == Unit::Bytes, "{name}");
        }
    }

    #[test]
    fn every_constant_is_in_the_list() {
        let constants =
            include_str!("names.rs").lines().filter(|line| line.starts_with("pub const") && line.contains(": &str"));
        assert_eq!(constants.count(), ALL.len());
    }
}
