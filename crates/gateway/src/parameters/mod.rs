//! Layer 4, parameters: what a body asks for, each value typed and within its range, and no field that is not known.
//!
//! A body has two forms, JSON and form data, and two shapes: one picture, or a batch of them. All four end in the same
//! [`Wish`].

mod batch;
mod draft;
mod fields;
mod form;
mod json;

#[cfg(fuzzing)]
mod fuzz;

pub(crate) use batch::part;
#[cfg(fuzzing)]
pub use fuzz::fuzz;

use crate::transport::{Body, Form};
use bytes::Bytes;
use domain::Parameters;
use http_api::Problem;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The jobs; one, unless it is a batch.
    pub(crate) orders: Vec<Order>,
    /// A mesh that was made before will do.
    pub(crate) cache: bool,
}

/// What one job is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Where the picture is.
    pub(crate) source: Source,
    /// What it is to be made with.
    pub(crate) parameters: Parameters,
}

/// Where a picture is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Its file was sent.
    File(Bytes),
    /// It is to be fetched.
    Url(String),
}

/// Reads a body that asks for one mesh.
pub(crate) async fn single(body: Body) -> Result<Wish, Problem> {
    match body.form {
        Form::Json => json::single(&body.bytes),
        Form::Multipart(headers) => form::single(&headers, body.bytes).await,
    }
}

/// Reads a body that asks for 1 to `most` meshes.
pub(crate) async fn batch(body: Body, most: usize) -> Result<Wish, Problem> {
    match body.form {
        Form::Json => json::batch(&body.bytes, most),
        Form::Multipart(headers) => form::batch(&headers, body.bytes, most).await,
    }
}
