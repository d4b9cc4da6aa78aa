/// Why a call of a model failed, by what the caller can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing can be made of the images; the same request would fail again.
    #[error("{0}")]
    Image(String),

    /// The model cannot do what was asked of it; the same request would fail again.
    #[error("{0}")]
    Invalid(String),

    /// The device has too little memory for the call. It is usable: fewer rows, or another time, may do.
    #[error("out of memory: {0}")]
    OutOfMemory(String),

    /// The device is unusable: every further call would fail, until the process is restarted.
    #[error("device fault: {0}")]
    DeviceFault(String),

    /// The call failed; the device is usable.
    #[error("{0}")]
    Failed(String),

    /// The call was abandoned, as the caller asked for.
    #[error("abandoned")]
    Abandoned,
}
