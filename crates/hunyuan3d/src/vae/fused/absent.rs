//! Stands in for the fused decoder on processors for which there is none.

use checkpoint::config::VaeConfig;

use super::{Lattice, ShapeKeyValues};
use crate::error::Error;
use crate::weights::Weights;

/// Never there.
#[derive(Debug)]
pub(crate) enum PointDecoder {}

/// Tables that nobody makes.
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
