//! Where errors of the queue and of the blob store meet a status.

use crate::{Problem, codes, own_job};

impl From<queue::Error> for Problem {
    fn from(error: queue::Error) -> Self {
        match error {
            queue::Error::Full { .. } => Self::new(&codes::QUEUE_FULL, "The queue has no room for another job."),
            queue::Error::UnknownJob(_) => own_job::not_found(),
            error if error.is_retryable() => {
                Self::new(&codes::QUEUE_UNAVAILABLE, "The queue does not answer.").because(error)
            }
            error => Self::new(&codes::INTERNAL, "The queue cannot do this.").because(error),
        }
    }
}

impl From<blobs::Error> for Problem {
    fn from(error: blobs::Error) -> Self {
        match error {
            blobs::Error::NotFound(_) => Self::new(&codes::RESULT_GONE, "The file is no longer kept.").because(error),
            _ => Self::new(&codes::STORAGE_UNAVAILABLE, "The storage does not answer.").because(error),
        }
    }
}
