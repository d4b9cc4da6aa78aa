//! The interface between a server and the models that it runs. No type of libtorch or of any other framework appears
//! here: what a model keeps on its device is opaque to the server.
//!
//! ```text
//! images --Preprocess--> Prepared --encode--> Row --step until done--> Row --decode--> Field --to_mesh--> Mesh
//!        (any CPU thread)         (the one thread that owns the model)               (any CPU thread)
//! ```
//!
//! * [`Model`], [`Preprocess`], [`Row`]: what a model family implements.
//! * [`Family`], [`LoadOptions`]: how a server finds the family of a model directory and loads it.
//! * [`Field`]: what `decode` returns. [`Cost`]: what the calls take. [`Error`]: what can go wrong.
//!
//! `docs/engines.md` shows how to add a family.

mod cost;
mod error;
mod family;
mod field;
mod row;

use domain::{ModelInfo, View};
use image::RgbaImage;
use std::sync::Arc;

pub use cost::{Cost, Work};
pub use error::Error;
pub use family::{Device, Dtype, Family, Load, LoadError, LoadOptions};
pub use field::{Bounds, Field, Values, VertexMapping};
pub use row::{Prepared, Row};

/// A loaded model.
///
/// It is owned by one thread: `Send`, not `Sync`. The result of a row does not depend on the other rows of a call.
pub trait Model: Send {
    /// What the model is, its defaults, and its stages: those up to and including the one that [`Model::decode`] is.
    fn info(&self) -> &ModelInfo;

    /// The device it runs on, such as `cpu` or `cuda:0`.
    fn device(&self) -> &str;

    /// The type of number it computes with, such as `f16`.
    fn dtype(&self) -> &str;

    /// The part of the model that runs before a job reaches the thread that owns the model.
    fn preprocessor(&self) -> Arc<dyn Preprocess>;

    /// Encodes the inputs in one batch, and returns one row for each, in order.
    ///
    /// # Errors
    /// See [`Error`].
    fn encode(&self, inputs: &[&Prepared]) -> Result<Vec<Box<dyn Row>>, Error>;

    /// One step of every row that is not done. Rows may be at different steps and have different parameters.
    ///
    /// # Errors
    /// See [`Error`]. A call that fails, or panics, leaves every row as it was, so that it can be repeated with fewer
    /// rows.
    fn step(&self, rows: &mut [&mut dyn Row]) -> Result<(), Error>;

    /// The field of a row that is done, on a grid of `octree_resolution` cells along each side.
    ///
    /// Long work is done in pieces, and `proceed` is asked before each of them, on any thread: at `false` the call
    /// returns [`Error::Abandoned`].
    ///
    /// # Errors
    /// See [`Error`].
    fn decode(
        &self,
        row: &dyn Row,
        octree_resolution: u32,
        proceed: &(dyn Fn() -> bool + Sync),
    ) -> Result<Field, Error>;
}

/// The part of a model that any CPU thread can use.
pub trait Preprocess: Send + Sync {
    /// Validates the images and the request, and prepares everything that can be prepared without the device, such as
    /// scaled images and the noise. A model without multi-view support takes one image, of [`View::Front`].
    ///
    /// # Errors
    /// [`Error::Image`] or [`Error::Invalid`].
    fn preprocess(&self, images: &[(View, RgbaImage)], request: &SampleRequest) -> Result<Prepared, Error>;

    /// What a job with so many views and such a grid takes.
    fn cost(&self, views: usize, octree_resolution: u32) -> Cost;
}

/// How a sample is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRequest {
    /// Denoising steps, at least 1.
    pub steps: u32,
    /// Strength of the influence of the images. Negative values switch guidance off.
    pub guidance_scale: f64,
    /// Seed of the noise.
    pub seed: u64,
}
