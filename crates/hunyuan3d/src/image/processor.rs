use checkpoint::config::{ImageProcessor as Kind, ImageProcessorConfig};
use domain::View;
use image::RgbaImage;
use tch::Tensor;

use super::cubic::{cubic, taps};
use super::pixels::{Axis, Crop, Pixels};
use crate::error::Error;

/// Crops, centres and scales images (section 5.1), or the views of an object (section 5.2).
#[derive(Clone, Debug, PartialEq)]
pub struct ImageProcessor {
    size: usize,
    border_ratio: f64,
    multi_view: bool,
}

/// An image, or the views of an object, ready for the image encoder, on the CPU, float32.
#[derive(Debug)]
pub struct Processed {
    /// In [-1, 1]: [1, 3, s, s], or [1, V, 3, s, s] for V views, by slot.
    pub image: Tensor,
    /// Opacity, in [-1, 1]: [1, 1, s, s] or [1, V, 1, s, s]. No released network reads it.
    pub mask: Tensor,
    /// The views' slots, ascending; `None` for a single image.
    pub views: Option<Vec<View>>,
}

impl Processed {
    /// The slots of the views; 0 for a single image.
    pub fn slots(&self) -> Vec<i64> {
        self.views.as_ref().map_or_else(|| vec![0], |views| views.iter().map(|view| view.slot()).collect())
    }

    /// The views as a batch of their own: [V, 3, s, s], V = 1 for a single image.
    pub fn views_as_batch(&self) -> Tensor {
        match &self.views {
            Some(_) => self.image.squeeze_dim(0),
            None => self.image.shallow_clone(),
        }
    }
}

/// An image cropped to what is visible, scaled into a square with a border, on white.
#[derive(Clone, Debug, PartialEq)]
pub struct Recentered {
    /// Colours, [S, S, 3].
    pub rgb: Pixels,
    /// Opacity, [S, S, 1].
    pub mask: Pixels,
}

/// One image at the processor's size, 8 bits.
#[derive(Clone, Debug, PartialEq)]
pub struct View8 {
    /// Colours, [s, s, 3].
    pub image: Pixels,
    /// Opacity, [s, s, 1].
    pub mask: Pixels,
}

impl ImageProcessor {
    /// With the size, border and kind of `config`.
    pub fn new(config: &ImageProcessorConfig) -> ImageProcessor {
        ImageProcessor {
            size: config.size as usize,
            border_ratio: config.border_ratio,
            multi_view: config.processor == Kind::MvV2,
        }
    }

    /// Whether it takes named views.
    pub fn multi_view(&self) -> bool {
        self.multi_view
    }

    /// Processes the image of the front, or, if the processor takes views, any views of an object.
    ///
    /// # Errors
    /// [`Error::Image`] if nothing is visible; [`Error::Invalid`] for views that the processor does not take, and if
    /// there is no image or two of one view.
    pub fn process(&self, images: &[(View, RgbaImage)]) -> Result<Processed, Error> {
        match images {
            images if self.multi_view => self.process_views(images),
            [(View::Front, image)] => {
                let view = self.process_view(image)?;
                Ok(Processed { image: view.image.to_tensor(), mask: view.mask.to_tensor(), views: None })
            }
            _ => Err(Error::Invalid("this model takes one image, of the front".to_owned())),
        }
    }

    fn process_views(&self, views: &[(View, RgbaImage)]) -> Result<Processed, Error> {
        let mut views: Vec<&(View, RgbaImage)> = views.iter().collect();
        views.sort_by_key(|(view, _)| *view);
        if views.is_empty() {
            return Err(Error::Invalid("no view was given".to_owned()));
        }
        if let Some(pair) = views.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::Invalid(format!("view {} was given twice", pair[0].0)));
        }
        let processed = views.iter().map(|(_, image)| self.process_view(image)).collect::<Result<Vec<_>, _>>()?;
        let stack = |part: fn(&View8) -> &Pixels| {
            let tensors: Vec<Tensor> = processed.iter().map(|view| part(view).to_tensor()).collect(); // V x [1, C, s, s]
            Tensor::stack(&tensors, 1)
        };
        Ok(Processed {
            image: stack(|view| &view.image), // [1, V, 3, s, s]
            mask: stack(|view| &view.mask),   // [1, V, 1, s, s]
            views: Some(views.iter().map(|(view, _)| *view).collect()),
        })
    }

    /// One image, up to the last 8-bit step.
    ///
    /// Only the pixels that the filters read are computed, both of the scaled object and of the square around it: memory and
    /// time depend on the size of the image and of the result, not on the square of its longer side.
    ///
    /// # Errors
    /// [`Error::Image`] if nothing is visible.
    pub fn process_view(&self, image: &RgbaImage) -> Result<View8, Error> {
        let placement = self.place(image)?;
        let targets: Vec<usize> = (0..self.size).collect();
        let axis = Axis::new(placement.side, self.size, &targets);
        let nearest: Vec<usize> = targets.iter().map(|&d| axis.nearest(d)).collect();
        let mut taps = taps(&axis);
        let mut positions: Vec<usize> = taps.iter().flatten().map(|(at, _)| *at).chain(nearest.clone()).collect();
        positions.sort_unstable();
        positions.dedup();
        let index = |at: usize| positions.partition_point(|&position| position < at);
        taps.iter_mut().flatten().for_each(|(at, _)| *at = index(*at));

        let Recentered { rgb, mask } = placement.compose(&positions);
        let nearest: Vec<usize> = nearest.into_iter().map(index).collect();
        let values = nearest.iter().flat_map(|&y| nearest.iter().map(move |&x| (y, x)));
        let mask = Pixels {
            height: self.size,
            width: self.size,
            channels: 1,
            data: values.map(|(y, x)| mask.row(y)[x]).collect(),
        };
        Ok(View8 { image: cubic(&rgb, &taps, &taps), mask })
    }

    /// Crops to what is visible, scales it to fill a square up to the border, and puts it on white (steps 1 to 4).
    ///
    /// # Errors
    /// [`Error::Image`] if nothing is visible, or less than two pixels in height or width.
    pub fn recenter(&self, image: &RgbaImage) -> Result<Recentered, Error> {
        let placement = self.place(image)?;
        Ok(placement.compose(&(0..placement.side).collect::<Vec<_>>()))
    }

    /// The place of the visible part of an image in the square.
    fn place<'a>(&self, image: &'a RgbaImage) -> Result<Placement<'a>, Error> {
        let crop = visible_part(image)?;
        let (h, w) = (crop.height, crop.width);
        let side = image.width().max(image.height()) as usize;
        let desired = (side as f64 * (1.0 - self.border_ratio)) as usize;
        let factor = desired as f64 / h.max(w) as f64;
        let (height, width) = ((h as f64 * factor) as usize, (w as f64 * factor) as usize);
        if height == 0 || width == 0 {
            return Err(Error::Image("the visible part of the image is too thin".to_owned()));
        }
        Ok(Placement { crop, side, height, width })
    }
}

/// The visible part of an image, scaled to `height` x `width` in the middle of a white square.
struct Placement<'a> {
    crop: Crop<'a>,
    /// Side of the square.
    side: usize,
    height: usize,
    width: usize,
}

impl Placement<'_> {
    /// The pixels of the square at these rows and columns, ascending.
    fn compose(&self, positions: &[usize]) -> Recentered {
        let (top, left) = ((self.side - self.height) / 2, (self.side - self.width) / 2);
        // The positions within the object, and the index of the first of them.
        let within = |start: usize, length: usize| {
            let first = positions.partition_point(|&at| at < start);
            let last = positions.partition_point(|&at| at < start + length);
            (positions[first..last].iter().map(|at| at - start).collect::<Vec<usize>>(), first)
        };
        let ((rows, top), (columns, left)) = (within(top, self.height), within(left, self.width));
        let (y, x) =
            (Axis::new(self.crop.height, self.height, &rows), Axis::new(self.crop.width, self.width, &columns));
        let object = self.crop.resize_area(&y, &x);

        let side = positions.len();
        let mut rgb = Pixels { height: side, width: side, channels: 3, data: vec![255; side * side * 3] };
        let mut mask = Pixels::zeros(side, side, 1);
        for y in 0..rows.len() {
            let colours = &mut rgb.row_mut(top + y)[left * 3..(left + columns.len()) * 3];
            let opacities = &mut mask.row_mut(top + y)[left..left + columns.len()];
            for ((pixel, colour), opacity) in
                object.row(y).chunks_exact(4).zip(colours.chunks_exact_mut(3)).zip(opacities)
            {
                let alpha = f32::from(pixel[3]) / 255.0;
                for (to, from) in colour.iter_mut().zip(pixel) {
                    *to = (f32::from(*from) * alpha + 255.0 * (1.0 - alpha)) as u8; // truncates and saturates
                }
                *opacity = (alpha * 255.0) as u8;
            }
        }
        Recentered { rgb, mask }
    }
}

/// The box around all pixels that are not fully transparent, without its last row and column, as in the
/// preprocessing that the networks were trained with.
fn visible_part(image: &RgbaImage) -> Result<Crop<'_>, Error> {
    let stride = image.width() as usize * 4;
    let (mut top, mut bottom, mut left, mut right) = (usize::MAX, 0, usize::MAX, 0);
    for (y, row) in image.as_raw().chunks_exact(stride.max(4)).enumerate() {
        let visible = |pixel: &[u8]| pixel[3] > 0;
        if let Some(first) = row.chunks_exact(4).position(visible) {
            let last = row.chunks_exact(4).rposition(visible).unwrap_or(first);
            (top, bottom) = (top.min(y), y);
            (left, right) = (left.min(first), right.max(last));
        }
    }
    if top >= bottom || left >= right {
        return Err(Error::Image("nothing is visible in the image".to_owned()));
    }
    let data = &image.as_raw()[top * stride + left * 4..];
    Ok(Crop { data, stride, height: bottom - top, width: right - left, channels: 4 })
}

impl Pixels {
    /// Values scaled to [-1, 1]: float32 [1, channels, height, width].
    pub fn to_tensor(&self) -> Tensor {
        let (c, plane) = (self.channels, self.height * self.width);
        let mut values = vec![0f32; c * plane];
        for (i, pixel) in self.data.chunks_exact(c).enumerate() {
            for (channel, &value) in pixel.iter().enumerate() {
                values[channel * plane + i] = f32::from(value) / 255.0 * 2.0 - 1.0;
            }
        }
        Tensor::from_slice(&values).view([1, c as i64, self.height as i64, self.width as i64])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::resample::Filter;
    use super::*;
    use image::Rgba;

    fn processor() -> ImageProcessor {
        ImageProcessor { size: 64, border_ratio: 0.15, multi_view: false }
    }

    /// An image whose visible part is `visible` of width and height, with a pattern in it.
    fn image(width: u32, height: u32, visible: f64) -> RgbaImage {
        RgbaImage::from_fn(width, height, |x, y| {
            let inside =
                |at: u32, side: u32| (2.0 * f64::from(at) - f64::from(side)).abs() <= visible * f64::from(side);
            let alpha = if inside(x, width) && inside(y, height) { (128 + (x * 7 + y * 3) % 128) as u8 } else { 0 };
            Rgba([(x * 13) as u8, (y * 29) as u8, (x ^ y) as u8, alpha])
        })
    }

    #[test]
    fn the_pixels_that_are_read_are_those_of_the_whole_square() {
        for (width, height, visible) in [
            (64, 64, 1.0),
            (50, 70, 0.8),
            (300, 40, 1.0),
            (257, 131, 0.5),
            (400, 400, 0.02),
            (90, 600, 0.9),
            (3, 31, 1.0),
        ] {
            let (processor, image) = (processor(), image(width, height, visible));
            let view = processor.process_view(&image).unwrap();
            let whole = processor.recenter(&image).unwrap();
            assert_eq!(whole.rgb.height, width.max(height) as usize);
            assert_eq!(view.image, whole.rgb.resize(64, 64, Filter::Cubic), "{width} x {height}");
            assert_eq!(view.mask, whole.mask.resize(64, 64, Filter::Nearest), "{width} x {height}");
        }
    }

    #[test]
    fn a_long_image_takes_little_memory() {
        // The square around these would have 268 million pixels, and so would the object of the second.
        for (width, height, visible) in [(16_384, 16, 1.0), (16_384, 64, 0.05), (16, 16_384, 1.0)] {
            let image = image(width, height, visible);
            let before = peak_memory();
            let view = processor().process_view(&image).unwrap();
            assert!(view.mask.data.contains(&0) && view.mask.data.iter().any(|&value| value > 0));
            let grown = peak_memory().saturating_sub(before);
            assert!(grown < 100 << 20, "{width} x {height}: {} MiB", grown >> 20);
        }
    }

    /// Peak memory of this process, in bytes.
    fn peak_memory() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }
}
