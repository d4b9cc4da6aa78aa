//! The options of the worker; `orfeas-worker --help` is the manual.

use blobs::BlobOptions;
use clap::{Args, Parser, ValueEnum};
use model::{Device, Dtype, LoadOptions};
use queue::RedisOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use telemetry::TelemetryOptions;

/// Runs queued jobs on the models that it has loaded.
///
/// Each option can also be set by its environment variable, or by a line NAME=value in a file `.env` in the working
/// directory. The command line overrides the environment, and the environment overrides the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "orfeas-worker", version)]
pub struct Options {
    /// The models and their device.
    #[command(flatten)]
    pub model: ModelOptions,
    /// How jobs share the device.
    #[command(flatten)]
    pub batch: BatchSettings,
    /// How jobs are run.
    #[command(flatten)]
    pub work: WorkOptions,
    /// The queue.
    #[command(flatten)]
    pub redis: RedisOptions,
    /// The blob store.
    #[command(flatten)]
    pub blobs: BlobOptions,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryOptions,
}

/// The models and their device.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct ModelOptions {
    /// Model directory, such as config.yaml and model.safetensors in the layout of the published checkpoints. The option
    /// can be repeated: the first model is the default one, and jobs of all share the slots.
    #[arg(long, env = "ORFEAS_MODEL", value_name = "DIR", default_value = "models/orfeas-tiny")]
    pub model: Vec<PathBuf>,

    /// Device: auto, cpu, cuda or cuda:N. `auto` uses the first GPU, or the CPU if there is none. If a requested GPU is
    /// missing, the worker exits; it does not fall back to the CPU.
    #[arg(long, env = "ORFEAS_DEVICE", value_name = "DEVICE", default_value = "auto")]
    pub device: Device,

    /// Floating point type: auto, f32, bf16 or f16. `auto` is f16 on a GPU and f32 on the CPU.
    #[arg(long, env = "ORFEAS_DTYPE", value_name = "DTYPE", default_value = "auto")]
    pub dtype: Dtype,

    /// Threads of libtorch on the CPU. Default: one per core.
    #[arg(long, env = "ORFEAS_TORCH_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub torch_threads: Option<u16>,

    /// How the field is evaluated, by a name that the model family knows. Hunyuan3D has `hierarchical` (the default), as
    /// exact as `dense` where the surface is, and many times faster; `flash-mean` and `flash-merge` are faster still, and
    /// leave small jumps in the surface.
    #[arg(long, env = "ORFEAS_DECODER", value_name = "NAME")]
    pub decoder: Option<String>,

    /// Points of the field that are evaluated at a time. More need more device memory. Default: depends on the device.
    #[arg(long, env = "ORFEAS_DECODE_CHUNK", value_name = "POINTS", value_parser = clap::value_parser!(u32).range(64..))]
    pub decode_chunk: Option<u32>,

    /// Where grid points lie in space. With `corrected` the first and the last point lie on the faces of the box.
    /// `reference` repeats the released software, which divides by the number of points instead of cells: meshes are
    /// smaller by one part in the resolution and shifted by half a cell.
    #[arg(long, env = "ORFEAS_VERTEX_MAPPING", value_enum, default_value = "corrected")]
    pub vertex_mapping: MappingName,
}

/// A way to place vertices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MappingName {
    /// The first and the last point lie on the faces of the box.
    Corrected,
    /// As in the released software.
    Reference,
}

/// How jobs share the device.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Batches")]
pub struct BatchSettings {
    /// Maximum number of jobs that run together. More use a GPU better and need more of its memory; on a CPU they gain
    /// little and wait for each other. Default: 8 on a GPU, 2 on the CPU.
    #[arg(long, env = "BATCH_SIZE_MAX", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub batch_size_max: Option<u16>,

    /// With dynamic scaling, the limit on jobs that run together never falls below this.
    #[arg(long, env = "BATCH_SIZE_MIN", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub batch_size_min: u16,

    /// Lower the limit when the device runs out of memory, and raise it again step by step later.
    #[arg(long, env = "ENABLE_DYNAMIC_SCALING", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub dynamic_scaling: bool,

    /// Seconds for which an idle worker waits for its batch to fill. Jobs join a running batch at every step, so waiting
    /// seldom helps.
    #[arg(long, env = "BATCH_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    pub batch_timeout_seconds: f64,
}

/// How jobs are run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Worker")]
pub struct WorkOptions {
    /// Name in Redis and in logs. A random suffix is added, so several workers can have the same name.
    #[arg(long, env = "ORFEAS_WORKER_NAME", value_name = "NAME", default_value = "worker")]
    pub worker_name: String,

    /// Seconds after which the job of a worker that has disappeared is given to another one. Leases are renewed after a
    /// third of this time. An outage of Redis does not end a job.
    #[arg(long, env = "ORFEAS_LEASE_SECONDS", value_name = "SECONDS", default_value_t = 6.0, value_parser = lease_seconds)]
    pub lease_seconds: f64,

    /// Maximum number of cells along a side of a job's grid. Jobs that no worker can run are refused when they are
    /// submitted. Default: what the models allow and the memory budget holds.
    #[arg(long, env = "ORFEAS_MAX_OCTREE_RESOLUTION", value_name = "CELLS", value_parser = clap::value_parser!(u32).range(16..))]
    pub max_octree_resolution: Option<u32>,

    /// Attempts after which a job fails for good.
    #[arg(long, env = "ORFEAS_MAX_ATTEMPTS", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub max_attempts: u32,

    /// Seconds without progress after which a call of the model counts as hanging, if its work does not explain a longer
    /// time. The worker then ends with exit code 70, and its jobs are given to others once their leases expire.
    #[arg(long, env = "ORFEAS_STALL_SECONDS", value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub stall_seconds: u32,

    /// Meshes that are made at a time, on CPU threads, while the device runs the next steps. Default: half the cores.
    #[arg(long, env = "ORFEAS_FINISHERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub finishers: Option<u16>,

    /// Main memory, in MiB, that decoded images, fields and meshes of all jobs may take together. Jobs wait for memory
    /// rather than exceed it. Default: 90 % of what the machine or the container has left once the models are loaded.
    #[arg(long, env = "ORFEAS_MEMORY_BUDGET_MIB", value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory_budget: Option<u32>,

    /// Seconds after SIGTERM in which jobs that have begun may finish. After that, or at a second SIGTERM, they are put
    /// back into the queue, and the attempt does not count.
    #[arg(long, env = "ORFEAS_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 30)]
    pub drain_seconds: u16,

    /// Address of /livez, /readyz and /metrics, such as 127.0.0.1:9100; port 0 takes any free port. Default: they are
    /// not served.
    #[arg(long, value_name = "ADDRESS", env = "ORFEAS_WORKER_LISTEN")]
    pub listen: Option<SocketAddr>,

    /// File into which that address is written once the models are loaded.
    #[arg(long, value_name = "FILE", env = "ORFEAS_WORKER_ADDR_FILE", requires = "listen")]
    pub addr_file: Option<PathBuf>,
}

impl ModelOptions {
    /// The options that families get to load a model.
    pub(crate) fn load_options(&self) -> LoadOptions {
        LoadOptions {
            device: self.device,
            dtype: self.dtype,
            threads: self.torch_threads.map(usize::from),
            decoder: self.decoder.clone(),
            chunk: self.decode_chunk.map(|points| points as usize),
        }
    }
}

impl BatchSettings {
    /// The maximum number of jobs that run together, on a GPU or on the CPU.
    pub(crate) fn most(&self, on_gpu: bool) -> u16 {
        self.batch_size_max.unwrap_or(if on_gpu { 8 } else { 2 })
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0 to 3600".to_owned()),
    }
}

fn lease_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.3..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.3 to 3600".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_command_line_is_valid() {
        Options::command().debug_assert();
    }

    #[test]
    fn invalid_values_are_refused() {
        for wrong in [
            ["--lease-seconds", "0"],
            ["--lease-seconds", "NaN"],
            ["--batch-size-max", "0"],
            ["--device", "gpu"],
            ["--max-attempts", "0"],
        ] {
            assert!(Options::try_parse_from(["orfeas-worker"].iter().chain(&wrong)).is_err(), "{wrong:?}");
        }
    }
}
