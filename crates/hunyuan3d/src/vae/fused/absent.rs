//! Replaces the fused decoder in builds without it.

use checkpoint::config::VaeConfig;

use super::{Lattice, ShapeKeyValues};
use crate::error::Error;
use crate::weights::Weights;

/// An uninhabited type: `new` always returns `None`.
#[derive(Debug)]
pub(crate) enum PointDecoder {}

/// An uninhabited type.
#[derive(Debug)]
pub(crate) enum ShapeTables {}

impl PointDecoder {
    pub(super) fn new(_: &Weights, _: &VaeConfig) -> Result<Option<PointDecoder>, Error> {
        Ok(None)
    }

    pub(super) fn tables(&self, _: &Lattice, _: &ShapeKeyValues) -> Option<ShapeTables> {
        match *self {}
    }

    pub(crate) fn logits(&self, _: &ShapeTables, _: &[i64]) -> Vec<f32> {
        match *self {}
    }
}
