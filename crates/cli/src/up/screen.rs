//! What `up` prints on the terminal.

use super::Options;
use super::data::Data;
use super::supervisor::{Change, Notice};
use crate::session::Session;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Prints a line. A terminal that was closed is no reason to stop the service.
macro_rules! say {
    ($($line:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

/// The programs are being started; a large model takes its time.
pub(super) fn starting(options: &Options) {
    let workers = options.workers;
    say!("Starting Redis, gateway and {workers} worker{} …", plural(workers));
}

/// The state of the service when it is ready.
pub(super) struct Ready<'a> {
    pub(super) session: &'a Session,
    pub(super) options: &'a Options,
    pub(super) data: &'a Data,
    /// Whether the API key was just made.
    pub(super) is_new_key: bool,
    /// The device of the workers, and why it is no GPU.
    pub(super) device: String,
    pub(super) took: Duration,
}

/// Everything is ready: addresses, key, model and commands to try, which work in any directory as they are printed.
pub(super) fn ready(ready: &Ready<'_>) {
    let Session { gateway_url: url, api_key, .. } = ready.session;
    let key_path = ready.data.path("api-key");
    let key_file = key_path.display();
    let key = if ready.is_new_key {
        format!("{api_key}  (shown this once; kept in {key_file})")
    } else {
        format!("in {key_file}")
    };
    let (model, workers) = (ready.options.model.display(), ready.options.workers);
    say!("ORFEAS is up ({:.1} s).", ready.took.as_secs_f64());
    say!("");
    say!("  address  {url}");
    say!("  API key  {key}");
    say!("  model    {model}, {workers} worker{}", plural(workers));
    say!("  device   {}", ready.device);
    say!("  logs     {}", ready.data.path("logs").display());
    say!("");
    say!("Turn an image into a mesh:");
    say!("");
    say!("  {} generate picture.png -o mesh.glb --data {}", program(), quoted(ready.data.root().as_os_str()));
    say!("");
    say!("or with any HTTP client:");
    say!("");
    let key = quoted(key_path.as_os_str());
    say!("  curl -F image=@picture.png -H \"Authorization: Bearer $(cat {key})\" {url}/api/v1/generate-3d");
    say!("");
    say!("Ctrl-C stops everything.");
}

fn plural(n: u16) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// This program as a word of a shell command: its name if the PATH leads to it, else its path.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "orfeas".to_owned() };
    let on_path = which("orfeas").and_then(|found| found.canonicalize().ok());
    if on_path == path.canonicalize().ok() { "orfeas".to_owned() } else { quoted(path.as_os_str()) }
}

/// The first program of that name on the PATH.
fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A path as one word of a POSIX shell.
fn quoted(word: &OsStr) -> String {
    let word = Path::new(word).display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A program was started again, ended, or stays up.
pub(super) fn notice(notice: &Notice) {
    let name = &notice.name;
    match &notice.change {
        Change::Started(_) => say!("{name} was started again"),
        Change::Stable => say!("{name} stays up"),
        Change::Ended { reason, failures, again_in } if *failures > 1 => {
            say!(
                "{name} does not stay up ({failures} times) and ended ({reason}); starting it again in {again_in:.1?}"
            );
        }
        Change::Ended { reason, .. } => say!("{name} ended ({reason}); starting it again"),
    }
}

/// The service is being stopped.
pub(super) fn stopping() {
    say!("Stopping: jobs that have begun are finished (press Ctrl-C again to queue them again instead).");
}

/// The service has stopped.
pub(super) fn stopped() {
    say!("Stopped. Waiting jobs are kept and go on with the next `orfeas up`.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_pass_a_shell_unchanged() {
        for word in ["plain/path-1.2", "", "two words", "it's", "a\"b$c`d\\e", "a\nb", "#?*%", "ü", "-x"] {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", quoted(OsStr::new(word)))])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
