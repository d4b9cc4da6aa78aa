//! What `up` says on the terminal.

use super::Options;
use super::data::Data;
use crate::session::Session;
use std::io::Write;
use std::time::Duration;

/// Prints a line. A terminal that has gone away is no reason to stop the service.
macro_rules! say {
    ($($line:tt)*) => {{
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

/// Work has begun; a large model takes its time.
pub(super) fn starting(options: &Options) {
    let workers = options.workers;
    say!("Starting Redis, gateway and {workers} worker{} …", plural(workers));
}

/// Everything is ready: where things are, and a command to try.
pub(super) fn ready(session: &Session, options: &Options, data: &Data, is_new: bool, took: Duration) {
    let Session { gateway_url: url, api_key, .. } = session;
    let key_file = data.path("api-key");
    let key_file = key_file.display();
    let key =
        if is_new { format!("{api_key}  (shown this once; kept in {key_file})") } else { format!("in {key_file}") };
    let workers = options.workers;
    say!("ORFEAS is up ({:.1} s).", took.as_secs_f64());
    say!("");
    say!("  address  {url}");
    say!("  API key  {key}");
    say!("  model    {} on {}, {workers} worker{}", options.model.display(), options.device, plural(workers));
    say!("  logs     {}", data.path("logs").display());
    say!("");
    say!("Turn a picture into a mesh:");
    say!("");
    say!("  orfeas generate picture.png -o mesh.glb");
    say!("");
    say!("or with any HTTP client:");
    say!("");
    say!("  curl -F image=@picture.png -H \"Authorization: Bearer $(cat {key_file})\" {url}/api/v1/generate-3d");
    say!("");
    say!("Ctrl-C stops everything.");
}

fn plural(n: u16) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// A program ended by itself.
pub(super) fn ended(name: &str, status: &str, last_words: &str, again_in: Duration) {
    say!("{name} ended ({status}): {last_words}; starting it again in {} s", again_in.as_secs());
}

/// A program was started again.
pub(super) fn started(name: &str) {
    say!("{name} was started again");
}

/// The end begins.
pub(super) fn stopping() {
    say!("Stopping: jobs that have begun are finished (once more Ctrl-C hands them back instead).");
}

/// The end.
pub(super) fn stopped() {
    say!("Stopped. Waiting jobs are kept and go on with the next `orfeas up`.");
}
