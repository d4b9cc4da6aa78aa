//! 8-bit images and the axes along which they are scaled.

/// 8-bit pixels [height, width, channels], row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
    /// The values, `height * width * channels` of them.
    pub data: Vec<u8>,
}

impl Pixels {
    /// All values zero.
    pub fn zeros(height: usize, width: usize, channels: usize) -> Pixels {
        Pixels { height, width, channels, data: vec![0; height * width * channels] }
    }

    /// The values of row `y`.
    pub fn row(&self, y: usize) -> &[u8] {
        let stride = self.width * self.channels;
        &self.data[y * stride..(y + 1) * stride]
    }

    /// The values of row `y`, to be changed.
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let stride = self.width * self.channels;
        &mut self.data[y * stride..(y + 1) * stride]
    }

    /// The pixels as a crop of themselves.
    pub(super) fn whole(&self) -> Crop<'_> {
        let Pixels { height, width, channels, ref data } = *self;
        Crop { data, stride: width * channels, height, width, channels }
    }
}

/// A rectangle of an image: borrowed 8-bit pixels [height, width, channels].
pub(super) struct Crop<'a> {
    /// From the first value of the rectangle on.
    pub(super) data: &'a [u8],
    /// Values from one row to the next.
    pub(super) stride: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl Crop<'_> {
    /// The values of row `y`.
    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.stride..][..self.width * self.channels]
    }
}

/// Scaling along one axis.
pub(super) struct Axis<'a> {
    pub(super) source: usize,
    /// Target over source.
    pub(super) inverse_scale: f64,
    /// Source over target; the reciprocal of `inverse_scale`, rounding included.
    pub(super) scale: f64,
    /// The target pixels that are to be computed, ascending.
    pub(super) wanted: &'a [usize],
}

impl<'a> Axis<'a> {
    pub(super) fn new(source: usize, target: usize, wanted: &'a [usize]) -> Axis<'a> {
        let inverse_scale = target as f64 / source as f64;
        Axis { source, inverse_scale, scale: 1.0 / inverse_scale, wanted }
    }

    /// The source pixel of target pixel `d` under [`super::Filter::Nearest`].
    pub(super) fn nearest(&self, d: usize) -> usize {
        ((d as f64 * self.scale) as usize).min(self.source - 1)
    }
}
