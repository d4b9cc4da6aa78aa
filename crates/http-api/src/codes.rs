//! The table of problems.
//!
//! A code keeps its meaning and its status; new ones may be added.

/// One kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The stable, machine-readable name.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The same for every occurrence, for people.
    pub title: &'static str,
    /// What can be done about it.
    pub suggestion: &'static str,
    /// Whether the very same request may succeed later.
    pub retryable: bool,
    /// Seconds to wait before trying again, sent as `Retry-After`.
    pub retry_after: Option<u32>,
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal, $title:literal, $suggestion:literal
        $(, retry after $seconds:literal s)?;)*) => {
        $(
            #[doc = concat!("`", $code, "` (", $status, "): ", $title, ".")]
            pub static $name: Kind = Kind {
                code: $code,
                status: $status,
                title: $title,
                suggestion: $suggestion,
                retryable: kinds!(@retryable $($seconds)?),
                retry_after: kinds!(@seconds $($seconds)?),
            };
        )*

        /// All kinds of problems.
        pub static ALL: &[&Kind] = &[$(&$name),*];
    };
    (@retryable) => { false };
    (@retryable $seconds:literal) => { true };
    (@seconds) => { None };
    (@seconds $seconds:literal) => { Some($seconds) };
}

kinds! {
    MISSING_KEY = 401 "missing_key", "No API key was sent",
        "Send the header `Authorization: Bearer <your API key>`.";
    INVALID_AUTHORIZATION = 401 "invalid_authorization", "The Authorization header is malformed",
        "The header must read `Authorization: Bearer <your API key>`.";
    UNKNOWN_KEY = 401 "unknown_key", "The API key is not known here",
        "Check that the key is complete, has not been revoked, and belongs to this server.";
    MISSING_SIGNATURE = 401 "missing_signature", "The request is not signed",
        "Sign it as docs/agents.md shows: with X-Agent-* headers, or by RFC 9421.";
    MALFORMED_SIGNATURE = 401 "malformed_signature", "The signature cannot be read, or does not cover what it must",
        "Correct what the detail names; docs/agents.md shows how to sign.";
    INVALID_SIGNATURE = 401 "invalid_signature", "The signature is not valid",
        "Check the key, the secret and the signed text; the key may have expired or been revoked.";
    STALE_TIMESTAMP = 401 "stale_timestamp", "The signature is too old, or from the future",
        "Set the clock, and sign each request right before it is sent.";
    REPLAYED_NONCE = 401 "replayed_nonce", "The signature was used before",
        "Sign each request with a new nonce, also when it is sent again.";
    WRONG_API = 403 "wrong_api", "This part of the API does not take this kind of key",
        "Users send their key to /api/v1; agents sign, and send to /api/agent.";
    IP_DENIED = 403 "ip_denied", "The address is not on the tenant's allow-list",
        "Send from an allowed network, or have yours added.";
    PERMISSION_DENIED = 403 "permission_denied", "The tenant may not do this",
        "Ask the operator of this server for the permission that the detail names.";

    ROUTE_NOT_FOUND = 404 "route_not_found", "There is nothing at this address",
        "Look up the address in /openapi.json.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed", "This address does not take this method",
        "Use one of the methods in the Allow header.";
    BAD_REQUEST = 400 "bad_request", "The request cannot be read",
        "Check the request line and the headers.";
    UNSUPPORTED_CONTENT_TYPE = 415 "unsupported_content_type", "The body's content type is not supported",
        "Send multipart/form-data or application/json.";
    EMPTY_BODY = 400 "empty_body", "The body is empty",
        "Send the fields that /openapi.json lists for this request.";
    BODY_TOO_LARGE = 413 "body_too_large", "The body is too large",
        "Send a smaller or better compressed image.";
    BODY_TIMEOUT = 408 "body_timeout", "The body did not arrive in time",
        "Try again over a faster connection, or send a smaller image.", retry after 1 s;
    UNSUPPORTED_CONTENT_ENCODING = 415 "unsupported_content_encoding", "The body's content encoding is not supported",
        "Send the body as it is, or compressed with gzip, deflate or br.";
    INVALID_CONTENT_ENCODING = 400 "invalid_content_encoding", "The body is not encoded as its header says",
        "Leave the header Content-Encoding out, or compress the body as it says.";
    INVALID_JSON = 400 "invalid_json", "The body is not valid JSON",
        "Send one JSON object with the fields that /openapi.json lists for this request.";
    INVALID_MULTIPART = 400 "invalid_multipart", "The body is not valid multipart/form-data",
        "Let your HTTP library build the body and set the boundary.";
    UNKNOWN_FIELD = 400 "unknown_field", "A field is not known",
        "Remove it, or check its spelling against /openapi.json.";
    DUPLICATE_FIELD = 400 "duplicate_field", "A field was sent twice",
        "Send each field once, and one image for each job.";
    INVALID_PARAMETER = 422 "invalid_parameter", "A parameter has a wrong type or lies outside its range",
        "Change the parameter as the detail says.";

    BATCH_TOO_LARGE = 422 "batch_too_large", "The batch has too many images",
        "Send it in parts; `GET limits` has the maximum of a batch.";
    INVALID_IDEMPOTENCY_KEY = 400 "invalid_idempotency_key", "The Idempotency-Key header is malformed",
        "Send at most 128 letters, digits, and characters of - _ . : ~; a random UUID is best.";
    IDEMPOTENCY_CONFLICT = 422 "idempotency_conflict", "The name or key was used for another request",
        "Use a new name or key for a new request; to repeat a request, send the very same one.";
    UNKNOWN_SCENARIO = 400 "unknown_scenario", "The test scenario is not known",
        "Use one of the scenarios that docs/api/testing.md lists, or leave the header out.";
    NO_WORKER_FITS = 422 "no_worker_fits", "No worker can do what is asked",
        "Ask for less, as the detail says, or have a suitable worker started.";

    UNKNOWN_MODEL = 422 "unknown_model", "There is no such model here",
        "Use one of the models that GET .../models lists, or leave the field out for the default one.";
    MODEL_UNSUITABLE = 422 "model_unsuitable", "The model cannot do what is asked",
        "Send what the model takes, or use another one; GET .../models lists what each can do.";

    MISSING_IMAGE = 400 "missing_image", "No image was sent",
        "Send the image in the field `image`.";
    INVALID_BASE64 = 400 "invalid_base64", "The image is not valid base64",
        "Encode the whole file with the standard base64 alphabet, or send it as multipart/form-data.";
    UNSUPPORTED_IMAGE = 415 "unsupported_image", "The image's format is not supported",
        "Send a PNG, JPEG or WebP file.";
    IMAGE_ANIMATED = 422 "image_animated", "The image is an animation",
        "Send a single frame of it.";
    IMAGE_CORRUPT = 422 "image_corrupt", "The image is damaged or incomplete",
        "Check that it opens elsewhere, and that the whole file was sent.";
    IMAGE_TOO_SMALL = 422 "image_too_small", "The image is too small",
        "Send a larger image; about 512 pixels along the object is best.";
    IMAGE_TOO_LARGE = 422 "image_too_large", "The image has too many pixels",
        "Scale it down; more than about 1024 pixels along a side adds nothing.";
    IMAGE_TOO_THIN = 422 "image_too_thin", "The image is much longer than wide",
        "Crop it, or add a transparent margin along its long sides.";
    IMAGE_EMPTY = 422 "image_empty", "The image shows nothing",
        "Send an image with something to see in it: it is transparent everywhere, or all but a line.";

    URL_NOT_ALLOWED = 422 "url_not_allowed", "The URL is not one that is called from here",
        "Use a URL on the public internet, or send the image itself in the field `image`.";
    IMAGE_UNREACHABLE = 422 "image_unreachable", "The image cannot be fetched",
        "Check that the URL can be opened without credentials, then try again, or send the image itself.", retry after 5 s;

    IMAGE_NOT_FOUND = 422 "image_not_found", "There is no image at the URL",
        "Use a URL that answers with the file itself, or send the image in the field `image`.";

    INVALID_JOB_ID = 400 "invalid_job_id", "This is not a job id",
        "Use the `job_id` of the response, or the name that you chose.";
    JOB_NOT_FOUND = 404 "job_not_found", "There is no such job",
        "Check the id and the API key. Jobs are forgotten some time after they end.";
    JOB_UNREADABLE = 503 "job_unreadable", "The record of the job cannot be read by this server",
        "Ask again: while a new version is rolled out, not every server can read every job.", retry after 10 s;
    ARTIFACT_NOT_FOUND = 404 "artifact_not_found", "The job has no such file",
        "Use one of the roles that `artifacts` of the job lists.";
    INVALID_BATCH_ID = 400 "invalid_batch_id", "This is not a batch id",
        "Use the `batch_id` of the response.";
    BATCH_NOT_FOUND = 404 "batch_not_found", "There is no such batch",
        "Check the id and the API key. Batches are forgotten some time after their last job ends.";
    JOB_FINISHED = 409 "job_finished", "The job has already ended",
        "A job that has ended cannot be cancelled.";
    RESULT_NOT_READY = 409 "result_not_ready", "The result is not ready yet",
        "Follow the job's events, and ask again when it has succeeded.", retry after 2 s;
    JOB_FAILED = 410 "job_failed", "The job failed, so there is no result",
        "See `failure` for the reason; submit again if it is retryable.";
    JOB_CANCELLED = 410 "job_cancelled", "The job was cancelled, so there is no result",
        "Submit it again if it is still wanted.";
    RESULT_GONE = 410 "result_gone", "The result is no longer kept",
        "Submit the job again; the same seed makes the same mesh.";
    RANGE_NOT_SATISFIABLE = 416 "range_not_satisfiable", "The requested range lies outside the file",
        "Ask for a range within the length given in Content-Range.";
    INVALID_EVENT_ID = 400 "invalid_event_id", "The Last-Event-ID header is not an id of an event",
        "Send the id of the last event received, or leave the header out to start from the beginning.";

    WEBHOOK_NOT_FOUND = 404 "webhook_not_found", "There is no such webhook",
        "Check the id; GET .../webhooks lists yours.";
    DELIVERY_NOT_FOUND = 404 "delivery_not_found", "There is no such delivery",
        "Check the id; a delivery is forgotten seven days after its last attempt, and when the webhook has 1,000 later ones.";
    TOO_MANY_WEBHOOKS = 409 "too_many_webhooks", "You have as many webhooks as a tenant may have",
        "Remove one that is no longer needed.";

    DEAD_LETTER_NOT_FOUND = 404 "dead_letter_not_found", "There is no such dead letter",
        "Check the id; GET /api/admin/dead-letters lists all. A letter is deleted when it is redriven or discarded.";
    DEAD_LETTER_UNREADABLE = 409 "dead_letter_unreadable", "The job of the dead letter cannot be read by this version",
        "Redrive it with the version that can read it, or discard it.";

    TENANT_NOT_FOUND = 404 "tenant_not_found", "There is no such tenant",
        "Check the id or the name; GET /api/admin/agents lists all.";
    KEY_NOT_FOUND = 404 "key_not_found", "The tenant has no such key",
        "Check the id of the key; it may have ended long ago.";
    NAME_TAKEN = 409 "name_taken", "Another tenant has this name",
        "Choose another name.";
    TENANT_REVOKED = 409 "tenant_revoked", "The tenant is revoked",
        "Add a new tenant; this one gets no new keys.";
    TOO_MANY_KEYS = 409 "too_many_keys", "The tenant has as many keys as a tenant may have",
        "Revoke a key that is no longer used.";

    BEYOND_QUOTA = 422 "beyond_quota", "More was asked for at once than the whole quota",
        "Ask for less at once, or ask for a higher tier.";
    TOO_FAST = 429 "too_fast", "Too many requests in a short time",
        "Wait as long as Retry-After says; the RateLimit headers state what remains.", retry after 1 s;
    DAILY_QUOTA = 429 "daily_quota", "The quota of the day is used up",
        "Wait as long as Retry-After says, or ask for a higher tier.", retry after 3600 s;
    TOO_MANY_JOBS = 429 "too_many_jobs", "Too many of your jobs are waiting or running",
        "Wait until some of them have ended, or cancel some.", retry after 10 s;
    QUEUE_FULL = 429 "queue_full", "Too many jobs are waiting",
        "Wait, then try again.", retry after 10 s;
    OVERLOADED = 503 "overloaded", "Too many requests are being read at once",
        "Wait, then try again.", retry after 2 s;
    QUEUE_UNAVAILABLE = 503 "queue_unavailable", "The queue cannot be reached",
        "Try again soon. Nothing was stored.", retry after 2 s;
    QUEUE_DISK_FULL = 503 "queue_disk_full", "The queue cannot store anything: its disk is full",
        "Try again later. Nothing was stored; jobs can still be read.", retry after 30 s;
    QUEUE_MEMORY_FULL = 503 "queue_memory_full", "The queue cannot store anything: its memory is full",
        "Try again later. Nothing was stored; jobs can still be read.", retry after 10 s;
    QUEUE_NO_REPLICAS = 503 "queue_no_replicas", "The queue cannot store anything: too few replicas are connected",
        "Try again later. Nothing was stored; jobs can still be read.", retry after 10 s;
    STORAGE_FULL = 503 "storage_full", "The storage cannot keep anything: its disk is full",
        "Try again later. Nothing was stored; files can still be fetched.", retry after 30 s;
    STORAGE_UNAVAILABLE = 503 "storage_unavailable", "The storage cannot be reached",
        "Try again soon.", retry after 2 s;
    INTERNAL = 500 "internal", "An internal error occurred",
        "Try again; if it happens again, report the request id.", retry after 5 s;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for kind in ALL {
            assert!(seen.insert(kind.code), "{} stands twice", kind.code);
            assert!(
                kind.code.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{}",
                kind.code
            );
            assert!((400..600).contains(&kind.status), "{}", kind.code);
            assert!(!kind.title.ends_with('.') && kind.suggestion.ends_with('.'), "{}", kind.code);
        }
    }
}
