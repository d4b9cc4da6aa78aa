//! Scaling of 8-bit images.

use super::area::shrink_area;
use super::cubic::{cubic, taps};
use super::enlarge::enlarge_area;
use super::pixels::{Axis, Crop, Pixels};

/// How to scale an image. All follow OpenCV's conventions and arithmetic for 8-bit channels (section 5.3), because the
/// networks were trained on its output: `Area` and `Nearest` to the bit, `Cubic` but for one value in 100,000, whose
/// exact value is halfway between two levels, so that it may be off by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `INTER_AREA`: box average when both axes shrink, otherwise a two-tap interpolation with a phase specific to this
    /// filter.
    Area,
    /// `INTER_CUBIC`: four taps, a = -0.75, no antialiasing.
    Cubic,
    /// `INTER_NEAREST`.
    Nearest,
}

impl Pixels {
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

impl Crop<'_> {
    /// [`Filter::Area`]; only the wanted pixels are computed.
    pub(super) fn resize_area(&self, y: &Axis<'_>, x: &Axis<'_>) -> Pixels {
        if y.scale >= 1.0 && x.scale >= 1.0 { shrink_area(self, y, x) } else { enlarge_area(self, y, x) }
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
