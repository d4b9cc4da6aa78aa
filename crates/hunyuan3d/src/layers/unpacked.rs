//! Replaces the packed layer in builds without it.

use tch::Tensor;

/// No value of it exists.
#[derive(Debug)]
pub(super) enum Packed {}

impl Packed {
    pub(super) fn new(_: &Tensor, _: Option<&Tensor>) -> Option<Packed> {
        None
    }

    pub(super) fn forward(&self, _: &Tensor) -> Option<Tensor> {
        match *self {}
    }
}
