//! Model files of Hunyuan3D shape generation, without libtorch.
//!
//! A model is a directory with `config.yaml` and one safetensors file. This crate reads both, knows which tensors a
//! configuration asks for, and makes such directories: by conversion of a published `.ckpt`, or from random numbers for
//! benchmarks. It computes nothing with the weights.
//!
//! - [`config`]: `config.yaml` as typed structs with the published parameter names
//! - [`WeightFile`]: a memory-mapped safetensors file; [`find_weights`] finds it in a model directory
//! - [`Manifest`]: the tensors that a configuration asks for, and the comparison with a file
//! - [`PRESETS`]: the published models; [`inspect()`] describes a directory, [`digest()`] identifies its content
//! - [`convert()`]: `.ckpt` to safetensors without running code of its pickle
//! - [`synthesize()`]: random weights at full size
//! - [`Download`]: a partial file that is resumed, verified and then renamed; the caller provides the transport
//!
//! Files are untrusted input: sizes are checked before memory is allocated, and no text of a file becomes a path.

mod ckpt;
pub mod config;
mod digest;
mod directory;
mod download;
mod error;
mod inspect;
mod manifest;
mod origin;
mod preset;
mod synthesize;
mod weight_file;
mod writer;

pub use ckpt::{Converted, convert};
pub use config::PipelineConfig;
pub use digest::{digest, file_sha256, hex};
pub use directory::{find_config, find_weights};
pub use download::{Announced, Checksum, Download, Fetched, already_fetched};
pub use error::Error;
pub use inspect::{Component, Family, Inspection, inspect};
pub use manifest::{Manifest, Mismatch, Misshapen, Role, TensorSpec};
pub use origin::Origin;
pub use preset::{PRESETS, Preset, Source};
pub use safetensors::Dtype;
pub use synthesize::{SyntheticDtype, synthesize};
pub use weight_file::{TensorView, WeightFile};
pub use writer::{Entry, Progress, safetensors_size, write_safetensors};
