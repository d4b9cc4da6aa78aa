//! The problems that stand for errors of the queue, the registry and the blob store.

use crate::{Problem, codes, own_job};

impl From<queue::Error> for Problem {
    fn from(error: queue::Error) -> Self {
        match error {
            queue::Error::Full { retry_after, .. } => {
                Self::new(&codes::QUEUE_FULL, "The queue has no room for another job.").retry_after(retry_after)
            }
            queue::Error::TooManyLanes { retry_after, .. } => {
                Self::new(&codes::QUEUE_FULL, "The queue has no room for another combination of model and parameters.")
                    .retry_after(retry_after)
            }
            queue::Error::TooManyActive { active, most, retry_after } => {
                let detail = format!("{active} of your jobs wait or run, and at most {most} may.");
                Self::new(&codes::TOO_MANY_JOBS, detail).retry_after(retry_after)
            }
            queue::Error::TooManyQueued { queued, most, retry_after } => {
                let detail = format!("{queued} of your jobs wait, and at most {most} may.");
                Self::new(&codes::TOO_MANY_JOBS, detail).retry_after(retry_after)
            }
            queue::Error::Conflict => Self::new(
                &codes::IDEMPOTENCY_CONFLICT,
                "You have used this name or key for another image, or with other parameters.",
            ),
            queue::Error::InvalidBatch(why) => {
                Self::new(&codes::BATCH_TOO_LARGE, format!("This cannot be a batch: {why}."))
            }
            queue::Error::UnknownJob(_) => own_job::not_found(),
            queue::Error::UnknownLetter(_) => {
                Self::new(&codes::DEAD_LETTER_NOT_FOUND, "It is not among the dead letters.")
            }
            queue::Error::UnreadableLetter { ref reason, .. } => {
                Self::new(&codes::DEAD_LETTER_UNREADABLE, format!("Its job cannot be read: {reason}."))
            }
            queue::Error::UnreadableJob(_) => {
                Self::new(&codes::JOB_UNREADABLE, "Only the state of the job is known here.").because(error)
            }
            queue::Error::Disk(_) => {
                Self::new(&codes::QUEUE_DISK_FULL, "The queue has no room on its disk to store anything.")
                    .because(error)
            }
            queue::Error::Memory(_) => {
                Self::new(&codes::QUEUE_MEMORY_FULL, "The queue has no memory left to store anything.").because(error)
            }
            queue::Error::Replicas(_) => {
                Self::new(&codes::QUEUE_NO_REPLICAS, "The queue cannot store anything while replicas are missing.")
                    .because(error)
            }
            error if error.is_retryable() => {
                Self::new(&codes::QUEUE_UNAVAILABLE, "The queue does not answer.").because(error)
            }
            error => Self::new(&codes::INTERNAL, "The queue cannot do this.").because(error),
        }
    }
}

impl From<access::Error> for Problem {
    fn from(error: access::Error) -> Self {
        use access::Error;
        let detail = error.to_string();
        match error {
            Error::Invalid(_) => Self::new(&codes::INVALID_PARAMETER, detail),
            Error::Limits(_) => Self::new(&codes::INVALID_PARAMETER, detail).with_parameter("limits"),
            Error::NameTaken(_) => Self::new(&codes::NAME_TAKEN, detail),
            Error::UnknownTenant(_) => Self::new(&codes::TENANT_NOT_FOUND, detail),
            Error::UnknownKey(_) => Self::new(&codes::KEY_NOT_FOUND, detail),
            Error::Disabled(_) => Self::new(&codes::TENANT_REVOKED, detail),
            Error::TooManyKeys { .. } => Self::new(&codes::TOO_MANY_KEYS, detail),
            Error::ReadOnly(error) if error.code() == Some("OOM") => queue::Error::Memory(error).into(),
            Error::ReadOnly(error) if error.code() == Some("NOREPLICAS") => queue::Error::Replicas(error).into(),
            Error::ReadOnly(error) if error.code() == Some("MISCONF") => queue::Error::Disk(error).into(),
            error if error.is_retryable() => {
                // The registry shares the Redis of the queue; clients need not know that these are two uses.
                Self::new(&codes::QUEUE_UNAVAILABLE, "Keys cannot be checked at present.").because(error)
            }
            error => Self::new(&codes::INTERNAL, "The registry of keys cannot do this.").because(error),
        }
    }
}

impl From<blobs::Error> for Problem {
    fn from(error: blobs::Error) -> Self {
        match error {
            blobs::Error::NotFound(_) => Self::new(&codes::RESULT_GONE, "The file is no longer kept.").because(error),
            blobs::Error::Full(_) => {
                Self::new(&codes::STORAGE_FULL, "The storage has no room left for another file.").because(error)
            }
            _ => Self::new(&codes::STORAGE_UNAVAILABLE, "The storage does not answer.").because(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use domain::{Class, JobId};
    use queue::Error;
    use std::time::Duration;

    #[test]
    fn each_error_of_the_queue_has_a_problem_of_its_own() {
        let (retry_after, job) = (Duration::from_secs(7), JobId::new());
        for (error, kind) in [
            (Error::Full { class: Class::User, depth: 2, retry_after }, &codes::QUEUE_FULL),
            (Error::TooManyLanes { lanes: 2, retry_after }, &codes::QUEUE_FULL),
            (Error::TooManyActive { active: 2, most: 2, retry_after }, &codes::TOO_MANY_JOBS),
            (Error::TooManyQueued { queued: 2, most: 2, retry_after }, &codes::TOO_MANY_JOBS),
            (Error::Conflict, &codes::IDEMPOTENCY_CONFLICT),
            (Error::InvalidBatch("a batch has 1 to 256 jobs"), &codes::BATCH_TOO_LARGE),
            (Error::UnknownJob(job), &codes::JOB_NOT_FOUND),
            (Error::UnknownLetter("1-1".to_owned()), &codes::DEAD_LETTER_NOT_FOUND),
            (
                Error::UnreadableLetter { letter: "1-1".to_owned(), reason: String::new() },
                &codes::DEAD_LETTER_UNREADABLE,
            ),
            (Error::Unavailable("connection refused".into()), &codes::QUEUE_UNAVAILABLE),
            // What no request can lead to is our own fault.
            (Error::Lost { job, attempt: 1 }, &codes::INTERNAL),
            (Error::Unsupported { found: "6.2".to_owned() }, &codes::INTERNAL),
            (Error::Corrupt { what: "a job", source: None }, &codes::INTERNAL),
        ] {
            let (name, is_retryable) = (error.to_string(), error.is_retryable());
            let problem = Problem::from(error);
            assert_eq!(problem.kind().code, kind.code, "{name}");
            let says_when = problem.error_response().headers().contains_key("retry-after");
            assert!(says_when || !is_retryable, "{name}");
        }
    }
}
