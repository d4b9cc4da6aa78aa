//! Hunyuan3D shape generation on libtorch: an image, or several views of an object, becomes a scalar field whose zero
//! level is the surface of the object.
//!
//! ```text
//! images --image--> [-1, 1] tensor --image_encoder--> context tokens
//! noise --dit, scheduler: S steps, sampling--> latents --vae--> tokens --volume--> Field --mesh--> Mesh
//! ```
//!
//! Start at [`Pipeline`], which loads a model directory; [`FAMILY`] is what a server needs of it. The parts can be used
//! alone: each network is built from [`Weights`] and its own configuration, and each `forward` takes a [`probe::Probe`]
//! that shows tests the named stages of a pass.
//!
//! Section numbers in comments such as "section 7" refer to the implementation specification in `docs/`.

pub mod conditioning;
mod cost;
pub mod device;
pub mod dit;
pub mod error;
mod family;
pub mod image;
pub mod image_encoder;
pub mod layers;
mod licence;
pub mod noise;
mod parallel;
pub mod pipeline;
pub mod probe;
pub mod sampling;
pub mod scheduler;
pub mod vae;
pub mod volume;
pub mod weights;

pub use conditioning::Conditioning;
pub use device::{Device, Dtype};
pub use domain::View;
pub use error::Error;
pub use family::FAMILY;
pub use image::{Processed, decode_image};
pub use model::{Field, LoadOptions, SampleRequest, VertexMapping};
pub use pipeline::Pipeline;
pub use sampling::Sample;
pub use volume::{DecodeOptions, Decoder, FlashMode};
pub use weights::Weights;
