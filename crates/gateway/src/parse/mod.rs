//! Request bodies: JSON or form data, for one mesh or a batch. All four become the same [`ParsedRequest`].
//!
//! Every field must be known, and every value of its type and in its range. The parameters come from
//! [`domain::PARAMETERS`]; none is named here. Parsing takes time in proportion to the body, base64 and SHA-256 included,
//! and runs on a blocking thread.

mod batch;
mod draft;
mod fields;
mod form;
mod image_text;
mod json;

#[cfg(fuzzing)]
mod fuzz;

pub(crate) use batch::part;
#[cfg(fuzzing)]
pub use fuzz::fuzz;

use crate::transport::{Body, Content};
use bytes::Bytes;
use domain::{Parameters, View};
use http_api::Problem;

/// The maximum length of a model's name, in bytes.
pub(crate) const MAX_MODEL_NAME: usize = 128;

/// The content of a request body.
#[derive(Debug)]
pub(crate) struct ParsedRequest {
    /// The jobs; one, unless it is a batch.
    pub(crate) jobs: Vec<JobRequest>,
    /// Whether a result that was made before may answer.
    pub(crate) cache: bool,
}

/// What is asked for one job.
#[derive(Debug, Clone)]
pub(crate) struct JobRequest {
    /// The images, each view at most once; at least one.
    pub(crate) images: Vec<ViewSource>,
    /// The name of the model; `None` for the default model.
    pub(crate) model: Option<String>,
    /// The parameters.
    pub(crate) parameters: Parameters,
}

/// An image and the view that it shows.
#[derive(Debug, Clone)]
pub(crate) struct ViewSource {
    /// The side of the object.
    pub(crate) view: View,
    /// Where the image is.
    pub(crate) source: ImageSource,
}

/// Where an image is.
#[derive(Debug, Clone)]
pub(crate) enum ImageSource {
    /// In the request.
    File(Bytes),
    /// At a URL.
    Url(String),
}

/// Parses a body that asks for one mesh. Blocks.
pub(crate) fn single(body: Body) -> Result<ParsedRequest, Problem> {
    match body.content {
        Content::Json { charset } => json::single(&body.bytes, charset.as_deref()),
        Content::Multipart { boundary } => form::single(&boundary, body.bytes),
    }
}

/// Parses a body that asks for 1 to `most` meshes. Blocks.
pub(crate) fn batch(body: Body, most: usize) -> Result<ParsedRequest, Problem> {
    match body.content {
        Content::Json { charset } => json::batch(&body.bytes, charset.as_deref(), most),
        Content::Multipart { boundary } => form::batch(&boundary, body.bytes, most),
    }
}
