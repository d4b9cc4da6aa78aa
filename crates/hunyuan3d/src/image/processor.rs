use checkpoint::config::{ImageProcessor as Kind, ImageProcessorConfig};
use domain::View;
use image::RgbaImage;
use tch::Tensor;

use super::resample::{Filter, Pixels};
use crate::error::Error;

/// Crops, centres and scales pictures (section 5.1), or named views of one thing (section 5.2).
#[derive(Clone, Debug, PartialEq)]
pub struct ImageProcessor {
    size: usize,
    border_ratio: f64,
    multi_view: bool,
}

/// A picture ready for the image encoder, on the CPU, float32.
#[derive(Debug)]
pub struct Processed {
    /// In [-1, 1]: [1, 3, s, s], or [1, V, 3, s, s] for V views, by slot.
    pub image: Tensor,
    /// What was opaque, in [-1, 1]: [1, 1, s, s] or [1, V, 1, s, s]. No released network reads it.
    pub mask: Tensor,
    /// The views' slots, ascending; `None` for a single picture.
    pub views: Option<Vec<View>>,
}

impl Processed {
    /// The slots of the views; 0 for a single picture.
    pub fn slots(&self) -> Vec<i64> {
        self.views.as_ref().map_or_else(|| vec![0], |views| views.iter().map(|view| view.slot()).collect())
    }

    /// The views as a batch of their own: [V, 3, s, s], V = 1 for a single picture.
    pub fn views_as_batch(&self) -> Tensor {
        match &self.views {
            Some(_) => self.image.squeeze_dim(0),
            None => self.image.shallow_clone(),
        }
    }
}

/// A picture cropped to what is visible, scaled into a square with a border, on white.
#[derive(Clone, Debug, PartialEq)]
pub struct Recentered {
    /// Colours, [S, S, 3].
    pub rgb: Pixels,
    /// Opacity, [S, S, 1].
    pub mask: Pixels,
}

/// One picture at the processor's size, 8 bits.
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

    /// One picture, up to the last 8-bit step.
    ///
    /// # Errors
    /// [`Error::Image`] if nothing is visible.
    pub fn process_view(&self, image: &RgbaImage) -> Result<View8, Error> {
        let Recentered { rgb, mask } = self.recenter(image)?;
        Ok(View8 {
            image: rgb.resize(self.size, self.size, Filter::Cubic),
            mask: mask.resize(self.size, self.size, Filter::Nearest),
        })
    }

    /// Crops to what is visible, scales it to fill a square up to the border, and puts it on white (steps 1 to 4).
    ///
    /// # Errors
    /// [`Error::Image`] if nothing is visible, or less than two pixels in height or width.
    pub fn recenter(&self, image: &RgbaImage) -> Result<Recentered, Error> {
        let (columns, rows) = (image.width() as usize, image.height() as usize);
        let crop = visible_part(image)?;
        let (h, w) = (crop.height, crop.width);
        let side = rows.max(columns);
        let desired = (side as f64 * (1.0 - self.border_ratio)) as usize;
        let factor = desired as f64 / h.max(w) as f64;
        let (h2, w2) = ((h as f64 * factor) as usize, (w as f64 * factor) as usize);
        if h2 == 0 || w2 == 0 {
            return Err(Error::Image("what is visible in the image is too thin".to_owned()));
        }
        let object = crop.resize(h2, w2, Filter::Area);
        let (top, left) = ((side - h2) / 2, (side - w2) / 2);

        let mut rgb = Pixels { data: vec![255; side * side * 3], ..Pixels::zeros(side, side, 3) };
        let mut mask = Pixels::zeros(side, side, 1);
        for y in 0..h2 {
            let colours = &mut rgb.row_mut(top + y)[left * 3..(left + w2) * 3];
            let opacities = &mut mask.row_mut(top + y)[left..left + w2];
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
        Ok(Recentered { rgb, mask })
    }
}

/// The box around all pixels that are not fully transparent, without its last row and column: so the networks were
/// trained.
fn visible_part(image: &RgbaImage) -> Result<Pixels, Error> {
    let width = image.width() as usize;
    let (mut top, mut bottom, mut left, mut right) = (usize::MAX, 0, usize::MAX, 0);
    for (y, row) in image.as_raw().chunks_exact(width.max(1) * 4).enumerate() {
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
    let mut crop = Pixels::zeros(bottom - top, right - left, 4);
    for y in 0..crop.height {
        let from = ((top + y) * width + left) * 4;
        let row = crop.row_mut(y);
        row.copy_from_slice(&image.as_raw()[from..from + row.len()]);
    }
    Ok(crop)
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
