//! Why jobs fail: the table of failure codes. A new code is one row here.

use serde::{Deserialize, Serialize};

/// Why a job failed. `code` is stable and documented; `detail` is for people and names nothing internal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// Stable, machine-readable reason, such as `image_empty` or `worker_lost`.
    pub code: String,
    /// One sentence for people.
    pub detail: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

macro_rules! failure_codes {
    ($($name:ident $code:literal $retryable:ident $detail:literal;)*) => {
        /// A reason for a job to fail.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailureCode {
            $(#[doc = concat!("`", $code, "`: ", $detail)] $name,)*
        }

        impl FailureCode {
            /// All codes.
            pub const ALL: &[FailureCode] = &[$(Self::$name),*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whether another attempt may succeed.
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => failure_codes!(@$retryable),)* }
            }

            /// The usual sentence for people.
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail,)* }
            }
        }
    };
    (@retryable) => { true };
    (@permanent) => { false };
}

failure_codes! {
    ImageGone "image_gone" permanent "The image is no longer kept; submit it again.";
    ImageUndecodable "image_undecodable" permanent "The image cannot be decoded.";
    ImageEmpty "image_empty" permanent "Nothing is visible in the image.";
    InvalidParameter "invalid_parameter" permanent "The model cannot do what was asked of it.";
    UnsupportedJob "unsupported_job" permanent "No worker of this installation can read the job.";
    NoSurface "no_surface" permanent "The model found no surface for this image; another seed or more steps may.";
    ResultTooLarge "result_too_large" permanent "The mesh file is larger than this server keeps; ask for a smaller face budget.";
    DeviceError "device_error" retryable "The device failed while the shape was made.";
    OutOfMemory "out_of_memory" retryable "The device ran out of memory while the shape was made.";
    Internal "internal" retryable "An internal error occurred.";
    WorkerLost "worker_lost" retryable "The worker was lost.";
}

impl FailureCode {
    /// The code of a name, if there is one.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }

    /// A failure with the usual sentence.
    pub fn failure(self) -> Failure {
        self.with_detail(self.detail())
    }

    /// A failure with a sentence of its own.
    pub fn with_detail(self, detail: impl Into<String>) -> Failure {
        Failure { code: self.as_str().to_owned(), detail: detail.into(), retryable: self.is_retryable() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_found_by_name() {
        for &code in FailureCode::ALL {
            assert_eq!(FailureCode::of(code.as_str()), Some(code));
            assert!(code.detail().ends_with('.'), "{code:?}");
        }
    }
}
