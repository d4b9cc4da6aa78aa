//! Failed calls of a model, and the place where its panics are caught.

use domain::{Failure, FailureCode};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a call of the model failed.
#[derive(Debug)]
pub(crate) enum EngineError {
    /// The model reported it.
    Model(model::Error),
    /// The model panicked; the device may be usable.
    Panicked(String),
}

impl EngineError {
    /// Whether the device is unusable, and the process must be restarted.
    pub(super) fn is_device_fault(&self) -> bool {
        matches!(self, Self::Model(model::Error::DeviceFault(_)))
    }

    /// Whether the device had too little memory.
    pub(super) fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Model(model::Error::OutOfMemory(_)))
    }

    /// The kind of error as a metric's label; `None` for a request that cannot be fulfilled.
    pub(crate) fn label(&self) -> Option<&'static str> {
        match self {
            Self::Model(model::Error::Image(_) | model::Error::Invalid(_) | model::Error::Abandoned) => None,
            Self::Model(model::Error::OutOfMemory(_)) => Some("out_of_memory"),
            Self::Model(model::Error::DeviceFault(_)) => Some("fault"),
            Self::Model(model::Error::Failed(_)) => Some("failed"),
            Self::Panicked(_) => Some("panic"),
        }
    }

    /// The failure of the job, without internal details.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Model(model::Error::Image(detail)) => FailureCode::ImageEmpty.with_detail(sentence(detail)),
            Self::Model(model::Error::Invalid(detail)) => FailureCode::InvalidParameter.with_detail(sentence(detail)),
            Self::Model(model::Error::OutOfMemory(_)) => FailureCode::OutOfMemory.failure(),
            Self::Model(model::Error::DeviceFault(_) | model::Error::Failed(_) | model::Error::Abandoned)
            | Self::Panicked(_) => FailureCode::DeviceError.failure(),
        }
    }
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Panicked(message) => write!(f, "the model panicked: {message}"),
        }
    }
}

/// Runs a call of a model, and turns a panic into an error. The model promises to leave its rows as they were.
pub(crate) fn caught<T>(call: impl FnOnce() -> Result<T, model::Error>) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(EngineError::Model),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(EngineError::Panicked(text.unwrap_or("a panic without a message").to_owned()))
        }
    }
}

/// The text of an error as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_of_a_job_has_no_internal_details() {
        let failure = |error: EngineError| {
            let Failure { code, detail, retryable } = error.failure();
            assert!(!detail.contains("boom"), "{detail}");
            (code, retryable)
        };
        let Err(panicked) = caught::<()>(|| panic!("boom")) else { unreachable!("it panics") };
        assert_eq!(failure(panicked), ("device_error".to_owned(), true));
        let memory = EngineError::Model(model::Error::OutOfMemory("boom".to_owned()));
        assert_eq!(failure(memory), ("out_of_memory".to_owned(), true));
        let invalid = EngineError::Model(model::Error::Invalid("this model takes one image".to_owned()));
        assert_eq!(invalid.failure().detail, "This model takes one image.");
        assert_eq!(failure(invalid), ("invalid_parameter".to_owned(), false));
    }
}
