//! Settings from the file `.env` in the working directory, for every binary.
//!
//! Each line `NAME=value` sets an environment variable that is not set already, so the precedence is: command line,
//! environment, file. Only the working directory is searched. A line that is not of that form, as files of other programs
//! have, is skipped with a warning that names the file and the line but not its content, which may be a secret. A value
//! ends with its line.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The most warnings about lines that are printed.
const MAX_WARNINGS: usize = 5;

/// Loads `.env` from the working directory; warnings go to standard error and begin with the program's name.
///
/// Call it before any thread starts: it sets environment variables.
pub fn load(program: &str) {
    let folder = std::env::current_dir().unwrap_or_default();
    for warning in load_file(&folder.join(".env")) {
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{program}: warning: {warning}");
    }
}

/// A part of the file that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Warning {
    Unreadable { path: PathBuf, reason: String },
    Line { path: PathBuf, number: usize },
    MoreLines { path: PathBuf, count: usize },
    TooLong { path: PathBuf },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, reason } => write!(f, "{}: {reason}; the file is ignored", path.display()),
            Self::Line { path, number } => {
                write!(f, "{}:{number}: not of the form NAME=value (blanks need quotes); ignored", path.display())
            }
            Self::MoreLines { path, count } => write!(f, "{}: {count} more such lines", path.display()),
            Self::TooLong { path } => write!(f, "{}: only the first {MAX_BYTES} bytes are read", path.display()),
        }
    }
}

fn load_file(path: &Path) -> Vec<Warning> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => return vec![Warning::Unreadable { path: path.to_owned(), reason: error.to_string() }],
    }
    let mut warnings = Vec::new();
    if bytes.len() as u64 > MAX_BYTES {
        warnings.push(Warning::TooLong { path: path.to_owned() });
        bytes.truncate(MAX_BYTES as usize);
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let foreign: Vec<usize> = lines.filter(|(_, line)| !set(line)).map(|(index, _)| index + 1).collect();
    warnings.extend(foreign.iter().take(MAX_WARNINGS).map(|&number| Warning::Line { path: path.to_owned(), number }));
    if foreign.len() > MAX_WARNINGS {
        warnings.push(Warning::MoreLines { path: path.to_owned(), count: foreign.len() - MAX_WARNINGS });
    }
    warnings
}

/// Sets the variable of one line; `false` when it is neither a setting, nor a comment, nor blank.
fn set(line: &[u8]) -> bool {
    // The environment cannot hold a NUL. The parser wants complete lines.
    !line.contains(&0) && dotenvy::from_read([line, b"\n"].concat().as_slice()).is_ok()
}
