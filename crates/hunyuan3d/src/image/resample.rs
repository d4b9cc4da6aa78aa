use super::area::shrink_area;
use super::cubic::{cubic, taps};
use super::enlarge::enlarge_area;

/// How to scale an image. All follow OpenCV's conventions and arithmetic for 8-bit channels (section 5.3), because the
/// networks were trained on its output: `Area` and `Nearest` to the bit, `Cubic` but for one value in 100,000, which
/// lies between two levels and may come out as the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `INTER_AREA`: box average when both axes shrink, otherwise a two-tap interpolation with a phase of its own.
    Area,
    /// `INTER_CUBIC`: four taps, a = -0.75, no antialiasing.
    Cubic,
    /// `INTER_NEAREST`.
    Nearest,
}

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

    /// Scales to `height` x `width`; both at least 1, as the source's.
    pub fn resize(&self, height: usize, width: usize, filter: Filter) -> Pixels {
        let (rows, columns): (Vec<usize>, Vec<usize>) = ((0..height).collect(), (0..width).collect());
        let (y, x) = (Axis::new(self.height, height, &rows), Axis::new(self.width, width, &columns));
        match filter {
            Filter::Nearest => self.nearest(&y, &x),
            Filter::Area => self.whole().resize_area(&y, &x),
            Filter::Cubic => cubic(self, &taps(&y), &taps(&x)),
        }
    }

    fn nearest(&self, y: &Axis<'_>, x: &Axis<'_>) -> Pixels {
        let mut result = Pixels::zeros(y.wanted.len(), x.wanted.len(), self.channels);
        for (to_y, &dy) in y.wanted.iter().enumerate() {
            let from = self.row(y.nearest(dy));
            for (pixel, &dx) in result.row_mut(to_y).chunks_exact_mut(self.channels).zip(x.wanted) {
                let sx = x.nearest(dx) * self.channels;
                pixel.copy_from_slice(&from[sx..sx + self.channels]);
            }
        }
        result
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

    /// [`Filter::Area`]; only the wanted pixels are computed.
    pub(super) fn resize_area(&self, y: &Axis<'_>, x: &Axis<'_>) -> Pixels {
        if y.scale >= 1.0 && x.scale >= 1.0 { shrink_area(self, y, x) } else { enlarge_area(self, y, x) }
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

    /// The source pixel of target pixel `d` under [`Filter::Nearest`].
    pub(super) fn nearest(&self, d: usize) -> usize {
        ((d as f64 * self.scale) as usize).min(self.source - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(height: usize, width: usize) -> Pixels {
        let data = (0..height * width).map(|i| (i % width * 7 + i / width * 3) as u8).collect();
        Pixels { height, width, channels: 1, data }
    }

    #[test]
    fn a_flat_picture_stays_flat() {
        let flat = Pixels { height: 13, width: 29, channels: 3, data: vec![201; 13 * 29 * 3] };
        for filter in [Filter::Area, Filter::Cubic, Filter::Nearest] {
            for (height, width) in [(1, 1), (7, 11), (13, 40), (26, 58), (13, 29)] {
                let scaled = flat.resize(height, width, filter);
                assert_eq!((scaled.height, scaled.width, scaled.channels), (height, width, 3));
                assert!(scaled.data.iter().all(|&value| value == 201), "{filter:?} {height} x {width}");
            }
        }
    }

    #[test]
    fn whole_factors_average_blocks() {
        let picture = Pixels { height: 2, width: 4, channels: 1, data: vec![0, 1, 10, 20, 1, 0, 30, 41] };
        assert_eq!(picture.resize(1, 2, Filter::Area).data, [1, 25]); // 0.5 goes up, 25.25 down
        let picture = Pixels { height: 1, width: 3, channels: 1, data: vec![4, 5, 9] };
        assert_eq!(picture.resize(1, 1, Filter::Area).data, [6]);
    }

    #[test]
    fn nearest_takes_pixels_as_they_are() {
        let picture = gradient(4, 6);
        let scaled = picture.resize(8, 3, Filter::Nearest);
        for y in 0..8 {
            for x in 0..3 {
                assert_eq!(scaled.row(y)[x], picture.row(y / 2)[x * 2]);
            }
        }
    }

    #[test]
    fn filters_keep_a_slope() {
        // Away from the border, a linear picture stays linear under each interpolating filter.
        let picture = Pixels { height: 1, width: 40, channels: 1, data: (0..40).map(|x| x * 5).collect() };
        let scaled = picture.resize(1, 80, Filter::Cubic);
        for x in 8..72 {
            let exact = ((x as f64 + 0.5) / 2.0 - 0.5) * 5.0;
            assert!((f64::from(scaled.row(0)[x]) - exact).abs() <= 0.5, "{x}");
        }
    }
}
