//! The one place where a panic of the model is caught.

use crate::failure;
use domain::Failure;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What can go wrong on the engine's thread.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The model refused its input; it has done nothing.
    Refused(hunyuan3d::Error),
    /// The device had no memory left; it is sound.
    OutOfMemory(String),
    /// A panic that says nothing about the device.
    Panicked(String),
    /// The device is broken: every further call would fail as well.
    Fault(String),
}

impl Trouble {
    /// The model gave back no field for a row.
    pub(super) fn no_field() -> Self {
        Self::Panicked("the model returned no field".to_owned())
    }

    fn from_message(message: String) -> Self {
        // libtorch has no error codes; these texts are in its sources and have not changed for years.
        let has = |part: &str| message.contains(part);
        if has("out of memory") || has("can't allocate memory") || has("CUBLAS_STATUS_ALLOC_FAILED") {
            Self::OutOfMemory(message)
        } else if has("CUDA error") || has("CUBLAS_STATUS") || has("cuDNN error") || has("device-side assert") {
            Self::Fault(message)
        } else {
            Self::Panicked(message)
        }
    }

    /// The kind of trouble as a metric's label.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::OutOfMemory(_) => "out_of_memory",
            Self::Panicked(_) => "panic",
            Self::Fault(_) => "fault",
        }
    }

    /// What the job's owner is told.
    pub(super) fn failure(&self, stage: &str) -> Failure {
        match self {
            Self::Refused(error) => failure::of_model(stage, error),
            Self::OutOfMemory(_) => failure::device("the device ran out of memory"),
            Self::Panicked(_) | Self::Fault(_) => failure::device("the device failed"),
        }
    }
}

/// Runs a piece of the model's work, and turns a panic into a value.
///
/// The rows of a call that failed are given up, so a state that a panic left half-changed is never looked at again.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, hunyuan3d::Error>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if failure::is_device_error(&error) => Err(Trouble::from_message(failure::whole(&error))),
        Ok(Err(error)) => Err(Trouble::Refused(error)),
        Err(panic) => Err(Trouble::from_message(message_of(panic.as_ref()))),
    }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(message: &str) -> &'static str {
        let message = message.to_owned();
        guarded::<()>(|| panic!("{message}")).unwrap_err().as_str()
    }

    #[test]
    fn panics_are_told_apart_by_what_libtorch_says() {
        assert_eq!(kind("Torch(\"CUDA out of memory. Tried to allocate 2.00 GiB\")"), "out_of_memory");
        assert_eq!(kind("DefaultCPUAllocator: can't allocate memory"), "out_of_memory");
        assert_eq!(kind("CUDA error: an illegal memory access was encountered"), "fault");
        assert_eq!(kind("CUDA error: device-side assert triggered"), "fault");
        assert_eq!(kind("mat1 and mat2 shapes cannot be multiplied"), "panic");
    }

    #[test]
    fn only_what_a_second_try_may_mend_is_retryable() {
        let failure = guarded::<()>(|| panic!("boom")).unwrap_err().failure("denoise");
        assert_eq!((failure.code.as_str(), failure.retryable), ("device_error", true));
        assert!(!failure.detail.contains("boom"), "nothing internal goes to a job's owner");
    }
}
