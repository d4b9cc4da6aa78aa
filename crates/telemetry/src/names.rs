//! All metrics: name, type, unit, labels and help text. Times are in seconds, sizes in bytes.

use metrics::Unit;

/// HTTP requests answered. Labels: `method`, `route` (the pattern, never the path), `status`.
pub const HTTP_REQUESTS: &str = "orfeas_http_requests_total";
/// Time from an HTTP request to the head of its response. Labels: `method`, `route`.
pub const HTTP_REQUEST_SECONDS: &str = "orfeas_http_request_seconds";
/// Error responses. Label: `code`, as in the table of errors.
pub const HTTP_PROBLEMS: &str = "orfeas_http_problems_total";
/// Requests that failed authentication. Label: `reason`, such as `unknown_key` or `wrong_signature`: finer than what the
/// client gets to see.
pub const AUTH_FAILURES: &str = "orfeas_auth_failures_total";
/// Authorization decisions about authenticated requests. Labels: `operation`; `outcome`, `allowed` or `refused`;
/// `reason`, empty for `allowed`.
pub const DECISIONS: &str = "orfeas_decisions_total";
/// Decisions that were not written to the audit log because its buffer was full.
pub const AUDIT_DROPPED: &str = "orfeas_audit_dropped_total";
/// Sizes of accepted images.
pub const UPLOAD_BYTES: &str = "orfeas_upload_bytes";
/// Time to validate one image, decoding included.
pub const PICTURE_CHECK_SECONDS: &str = "orfeas_picture_check_seconds";
/// Images fetched by URL. Label: `outcome`: `fetched`, or the reason of the failure, such as `inside` or `too_slow`.
pub const PICTURE_FETCHES: &str = "orfeas_picture_fetches_total";
/// Open event streams.
pub const EVENT_STREAMS: &str = "orfeas_event_streams";
/// Bytes of artifacts sent to clients. Label: `kind`, the role of the artifact, such as `mesh` or `thumbnail`.
pub const SERVED_BYTES: &str = "orfeas_served_bytes_total";

/// Blobs deleted by garbage collection.
pub const BLOBS_COLLECTED: &str = "orfeas_blobs_collected_total";
/// Bytes of blobs deleted by garbage collection.
pub const BLOBS_COLLECTED_BYTES: &str = "orfeas_blobs_collected_bytes_total";

/// Accepted submissions. Label: `how`: `new`, `repeated` (the same request), `attached` (to a running job that makes the
/// same mesh), `cached` (the mesh existed). The hit rate of the cache is `cached` and `attached` over all.
pub const JOBS_SUBMITTED: &str = "orfeas_jobs_submitted_total";
/// Cancellations requested by owners.
pub const JOBS_CANCELLED: &str = "orfeas_jobs_cancelled_total";
/// Attempts that ended. Label: `outcome`: `succeeded`, `handed_over` (to the next step), `failed` (for good), `retried`,
/// `cancelled`, `released` (handed back), `lost` (another worker holds the lease).
pub const JOBS_FINISHED: &str = "orfeas_jobs_finished_total";
/// Jobs in the queue. Labels: `class`: `agent`, `user`, `test`; `state`: `queued`, `running`.
pub const QUEUE_DEPTH: &str = "orfeas_queue_depth";
/// The longest time for which jobs have waited in one lane without one being dispatched. Label: `class`.
pub const QUEUE_STALLED_SECONDS: &str = "orfeas_queue_stalled_seconds";
/// Waiting jobs that no live worker can run. Label: `class`.
pub const QUEUE_WITHOUT_WORKER: &str = "orfeas_queue_jobs_without_worker";
/// Dead letters.
pub const DEAD_LETTERS: &str = "orfeas_dead_letters";
/// Writes refused because the worker no longer held the lease, of all processes.
pub const FENCED_WRITES: &str = "orfeas_fenced_writes_total";
/// Expired leases that were reclaimed, of all processes.
pub const LEASES_RECLAIMED: &str = "orfeas_leases_reclaimed_total";
/// Jobs that all live workers together can run at once.
pub const WORKER_SLOTS: &str = "orfeas_worker_slots";
/// Time from submission to the first lease.
pub const QUEUE_WAIT_SECONDS: &str = "orfeas_queue_wait_seconds";
/// Time from submission to the stored result.
pub const JOB_SECONDS: &str = "orfeas_job_seconds";

/// Webhook delivery attempts. Label: `outcome`: `delivered`, `pending` (to be retried), `failed` (given up).
pub const WEBHOOK_ATTEMPTS: &str = "orfeas_webhook_attempts_total";

/// Time that a job spent in one stage. Label: `stage`.
pub const STAGE_SECONDS: &str = "orfeas_stage_seconds";
/// Rows that shared one denoising step.
pub const BATCH_SIZE: &str = "orfeas_batch_size";
/// Duration of one denoising step of the whole batch.
pub const STEP_SECONDS: &str = "orfeas_step_seconds";
/// Reasons for which batches stopped growing. Label: `reason`.
pub const BATCH_STOPS: &str = "orfeas_batch_stops_total";
/// Jobs that this worker holds a lease of.
pub const JOBS_HELD: &str = "orfeas_jobs_held";
/// Lease renewals.
pub const LEASE_RENEWED: &str = "orfeas_lease_renewed_total";
/// Leases found lost: another worker has the job, or will.
pub const LEASE_LOST: &str = "orfeas_lease_lost_total";
/// Main memory reserved for decoded images, fields and meshes. Label: `kind`: `used`, `total`.
pub const MEMORY_BUDGET_BYTES: &str = "orfeas_memory_budget_bytes";
/// Errors of the device. Label: `kind`, such as `out_of_memory`.
pub const DEVICE_FAULTS: &str = "orfeas_device_faults_total";
/// Device memory. Labels: `device`, `kind`: `used`, `total`.
pub const DEVICE_MEMORY_BYTES: &str = "orfeas_device_memory_bytes";
/// Fraction of the last sampling period in which the device was busy, 0 to 1. Label: `device`.
pub const DEVICE_BUSY_RATIO: &str = "orfeas_device_busy_ratio";
/// Time to load the model.
pub const MODEL_LOAD_SECONDS: &str = "orfeas_model_load_seconds";

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric, as it is described to Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its unit.
    pub unit: Unit,
    /// The help text.
    pub help: &'static str,
    /// Upper bounds of the buckets of a histogram.
    pub buckets: &'static [f64],
}

/// Buckets for requests and checks: a millisecond to half a minute.
const SHORT: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Buckets for stages and steps of a model: ten milliseconds to ten minutes.
const MEDIUM: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 600.0];
/// Buckets for whole jobs and their waiting: a tenth of a second to two hours.
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
    histogram(HTTP_REQUEST_SECONDS, Unit::Seconds, "Time to the head of the response, by method and route", SHORT),
    counter(HTTP_PROBLEMS, "Error responses, by code"),
    counter(AUTH_FAILURES, "Requests that failed authentication, by reason"),
    counter(DECISIONS, "Decisions about authenticated requests, by operation, outcome and reason"),
    counter(AUDIT_DROPPED, "Decisions missing in the audit log"),
    histogram(UPLOAD_BYTES, Unit::Bytes, "Sizes of accepted images", SIZES),
    histogram(PICTURE_CHECK_SECONDS, Unit::Seconds, "Time to validate one image, decoding included", SHORT),
    counter(PICTURE_FETCHES, "Images fetched by URL, by outcome"),
    gauge(EVENT_STREAMS, Unit::Count, "Open event streams"),
    Metric { unit: Unit::Bytes, ..counter(SERVED_BYTES, "Bytes of artifacts sent to clients, by kind") },
    counter(BLOBS_COLLECTED, "Blobs deleted by garbage collection"),
    Metric { unit: Unit::Bytes, ..counter(BLOBS_COLLECTED_BYTES, "Bytes deleted by garbage collection") },
    counter(JOBS_SUBMITTED, "Accepted submissions, by outcome: new, repeated, attached or cached"),
    counter(JOBS_CANCELLED, "Cancellations requested by owners"),
    counter(JOBS_FINISHED, "Attempts that ended, by outcome"),
    gauge(QUEUE_DEPTH, Unit::Count, "Jobs in the queue, by class and state"),
    gauge(
        QUEUE_STALLED_SECONDS,
        Unit::Seconds,
        "Longest time without a dispatch from a lane with waiting jobs, by class",
    ),
    gauge(QUEUE_WITHOUT_WORKER, Unit::Count, "Waiting jobs that no live worker can run, by class"),
    gauge(DEAD_LETTERS, Unit::Count, "Dead letters"),
    counter(FENCED_WRITES, "Writes refused because the worker no longer held the lease"),
    counter(LEASES_RECLAIMED, "Expired leases that were reclaimed"),
    gauge(WORKER_SLOTS, Unit::Count, "Jobs that all live workers together can run at once"),
    histogram(QUEUE_WAIT_SECONDS, Unit::Seconds, "Time from submission to the first lease", LONG),
    histogram(JOB_SECONDS, Unit::Seconds, "Time from submission to the stored result", LONG),
    counter(WEBHOOK_ATTEMPTS, "Webhook delivery attempts, by outcome"),
    histogram(STAGE_SECONDS, Unit::Seconds, "Time that a job spent in one stage, by stage", MEDIUM),
    histogram(BATCH_SIZE, Unit::Count, "Rows that shared one denoising step", ROWS),
    histogram(STEP_SECONDS, Unit::Seconds, "Duration of one denoising step of the whole batch", MEDIUM),
    counter(BATCH_STOPS, "Reasons for which batches stopped growing"),
    gauge(JOBS_HELD, Unit::Count, "Jobs that this worker holds a lease of"),
    counter(LEASE_RENEWED, "Lease renewals"),
    counter(LEASE_LOST, "Leases found lost"),
    gauge(MEMORY_BUDGET_BYTES, Unit::Bytes, "Main memory reserved for images, fields and meshes"),
    counter(DEVICE_FAULTS, "Errors of the device, by kind"),
    gauge(DEVICE_MEMORY_BYTES, Unit::Bytes, "Device memory, by device and kind"),
    gauge(DEVICE_BUSY_RATIO, Unit::Count, "Fraction of the last sampling period in which the device was busy"),
    gauge(MODEL_LOAD_SECONDS, Unit::Seconds, "Time to load the model"),
];

/// Registers the descriptions with the recorder.
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
