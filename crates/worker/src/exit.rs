//! The exit codes of the process.

/// Everything was finished or handed back.
pub const DRAINED: u8 = 0;
/// The command line is wrong (the code that clap uses).
pub const USAGE: u8 = 2;
/// Something that is needed is missing: the model, the device that was asked for, Redis, the blob store, the port.
/// Starting again helps only once it is there.
pub const UNAVAILABLE: u8 = 3;
/// An engine can do no more work: its device is unusable, or a call of the model hangs. Its jobs are queued again; the
/// worker can be started again.
pub const DEVICE_FAULT: u8 = 70;

/// Ends the process at once. Neither other threads nor destructors are waited for: a thread that hangs in a call of a
/// device would keep both from returning.
pub fn now(code: u8) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code.into()) }
}
