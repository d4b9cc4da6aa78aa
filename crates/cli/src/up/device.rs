//! The device that the workers really use, and why it is no GPU.

use super::Options;
use super::ready;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;

/// The most bytes of a worker's log that are searched.
const MAX_LOG_BYTES: u64 = 256 << 10;

/// The device of a worker in words: `cuda:0`, or `cpu (no GPU: …)` where a GPU would have been taken.
pub(super) async fn of_worker(worker: SocketAddr, log: &Path, options: &Options) -> String {
    let device = ready::device(worker).await.unwrap_or_else(|| options.device.clone());
    if device != "cpu" || options.device != "auto" {
        return device;
    }
    let reason = match Path::new("/dev/nvidiactl").exists() {
        false => "this machine shows no NVIDIA device".to_owned(),
        true => reason_in(log).unwrap_or_else(|| format!("see {}", log.display())),
    };
    format!("{device} (no GPU is used: {reason})")
}

/// The field `reason` of the line that a worker logs when it chooses the CPU.
fn reason_in(log: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(log).ok()?.take(MAX_LOG_BYTES).read_to_string(&mut text).ok()?;
    text.lines().find_map(|line| {
        let json: serde_json::Value = serde_json::from_str(line).ok()?;
        let field = |name: &str| json.get(name).or_else(|| json.get("fields")?.get(name))?.as_str();
        field("message")?.starts_with("computing on the CPU").then(|| field("reason").map(str::to_owned))?
    })
}
