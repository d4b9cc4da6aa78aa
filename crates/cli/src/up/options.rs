//! The command line of `orfeas up`.

use std::path::PathBuf;

/// The options of `orfeas up`.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Address of the service: an IP address or a name, and a port. Port 0 takes any free port.
    #[arg(long, env = "ORFEAS_LISTEN", value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: String,

    /// Directory of everything that is kept: jobs, images, meshes, keys, logs. One `up` at a time can use it.
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,

    /// Number of workers. Each loads the model once.
    #[arg(long, env = "ORFEAS_WORKERS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,

    /// Model directory, or the name of a published model that `orfeas models pull` has fetched.
    #[arg(long, env = "ORFEAS_MODEL", value_name = "DIR|NAME", default_value = "models/orfeas-tiny")]
    pub model: PathBuf,

    /// Device of the workers: auto, cpu, cuda or cuda:N.
    #[arg(long, env = "ORFEAS_DEVICE", value_name = "DEVICE", default_value = "auto", value_parser = device)]
    pub device: String,

    /// Threads of libtorch in each worker. Default: the cores, divided among the workers.
    #[arg(long, env = "ORFEAS_TORCH_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub torch_threads: Option<u16>,

    /// The redis-server program, version 7.0 or later.
    #[arg(long, env = "ORFEAS_REDIS_SERVER", value_name = "PROGRAM", default_value = "redis-server")]
    pub redis_server: PathBuf,

    /// File to write when everything is ready: JSON with gateway_url, status_url, api_key and pids, readable by its owner
    /// only. It is removed at the end.
    #[arg(long, env = "ORFEAS_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

/// The name of a device, in any case.
fn device(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    let number = name.strip_prefix("cuda:").map(|number| number.parse::<u16>().is_ok());
    let is_known = matches!(name.as_str(), "auto" | "cpu" | "cuda") || number == Some(true);
    if is_known { Ok(name) } else { Err("it must be auto, cpu, cuda or cuda:N".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_name_in_any_case() {
        for (text, name) in [("auto", "auto"), ("CPU", "cpu"), ("Auto", "auto"), ("cuda:1", "cuda:1")] {
            assert_eq!(device(text).as_deref(), Ok(name));
        }
        for wrong in ["", "gpu", "mps", "cuda:", "cuda:x", "cuda:-1"] {
            assert!(device(wrong).is_err(), "{wrong}");
        }
    }
}
