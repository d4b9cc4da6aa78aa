//! Hunyuan3D shape generation on libtorch: a picture, or several views of one thing, becomes a scalar field whose zero
//! level is the surface of that thing. Knows no job, no queue and no HTTP.
//!
//! ```text
//! Picture --image--> [-1, 1] tensor --image_encoder--> context tokens
//! noise --dit, scheduler: S steps, sampling--> latents --vae--> tokens --volume--> Field --mesh--> Mesh
//! ```
//!
//! Start at [`Pipeline`], which loads a model directory and implements [`ImageTo3d`]. The parts can be used alone: each
//! network is built from [`Weights`] and its own configuration, and each `forward` takes a [`probe::Probe`] through
//! which tests see the named stages of a pass.
//!
//! Numbers in comments such as "section 7" refer to the implementation specification in `docs/`.

pub mod device;
pub mod dit;
pub mod error;
pub mod image;
pub mod image_encoder;
pub mod layers;
pub mod model;
pub mod noise;
mod parallel;
pub mod pipeline;
pub mod probe;
pub mod sampling;
pub mod scheduler;
pub mod vae;
pub mod volume;
pub mod weights;

pub use device::{Device, Dtype};
pub use error::Error;
pub use image::{Picture, Processed, View};
pub use model::{Conditioning, ImageTo3d, ModelInfo, SampleRequest};
pub use pipeline::{LoadOptions, Pipeline};
pub use sampling::Sample;
pub use volume::{DecodeOptions, Decoder, Field, FlashMode, VertexMapping};
pub use weights::Weights;
