//! Standard output and standard error, which may be closed or full.
//!
//! `println!` and `eprintln!` panic when a write fails, so no other module of this crate uses them.

use crate::Error;
use rustix::fs::{OFlags, fcntl_getfl, fstat};
use std::fmt;
use std::io::{self, Write};

/// Writes all of `text` to standard output and flushes it.
///
/// # Errors
/// [`Error::Output`]; a reader that went away (`orfeas models list | head -1`) is [`io::ErrorKind::BrokenPipe`].
pub(crate) fn print(text: &str) -> Result<(), Error> {
    print_bytes(text.as_bytes())
}

/// Writes all of `bytes` to standard output and flushes it.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes a line to standard error. Errors are ignored: there is nowhere left to report them.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Fails when standard output was closed at the start of the program. The runtime opens `/dev/null` for reading and
/// writing in its place, so a write would succeed and its text would be lost.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn must_be_open() -> Result<(), Error> {
    let stdout = io::stdout();
    let null = rustix::fs::stat("/dev/null").map(|stat| stat.st_rdev);
    let is_null = fstat(&stdout).is_ok_and(|stat| Ok(stat.st_rdev) == null);
    let is_substitute = is_null && fcntl_getfl(&stdout).is_ok_and(|flags| flags.contains(OFlags::RDWR));
    if is_substitute { Err(Error::Output(io::Error::other("it is closed"))) } else { Ok(()) }
}
