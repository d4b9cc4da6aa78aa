//! How the process leaves, for whoever supervises it.

/// Everything was finished or handed back.
pub const DRAINED: u8 = 0;
/// The command line is wrong (clap's own code).
pub const USAGE: u8 = 2;
/// Something that is needed is not there: the model, the device that was asked for, Redis, the blob store, the port.
/// Starting again helps only once it is.
pub const UNAVAILABLE: u8 = 3;
/// The device broke, or hangs. Its jobs are queued again; start the worker again.
pub const DEVICE_FAULT: u8 = 70;
