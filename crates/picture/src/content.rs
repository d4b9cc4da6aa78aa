//! The check of an image's content: empty images are refused, doubtful ones get warnings.

use crate::rows::Rows;
use crate::{Refused, Size};
use serde::Serialize;
use utoipa::ToSchema;

/// Channels that differ by at most this count as the same colour: noise and compression cause such differences.
const SAME: u8 = 6;
/// Channels that differ by more than this tell an object from its background.
const APART: u8 = 24;
/// The image is sampled in a grid of at most this many points along each side.
const GRID: u32 = 256;
/// An object with a longer side below this has few details.
const SMALL: u32 = 128;
/// An object that covers less than this share of the image is unclear.
const SLIGHT: f64 = 0.005;
/// An object that covers more than this share of an edge of the image seems to be cut off by it.
const CUT: f64 = 0.25;
/// Pixels with less alpha than this are hardly visible, but models count them as part of the object.
const FAINT: u8 = 16;
/// Faint pixels are reported when they enlarge the frame of the object by more than this share of its longer side.
const FAINT_MARGIN: f64 = 0.05;

/// A doubt about an accepted request. The job is run all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// The kind of doubt, for programs: `background_opaque`, `object_unclear`, `object_small`, `object_cut_off`,
    /// `faint_pixels` or `no_worker`.
    #[schema(example = "object_small")]
    pub code: &'static str,
    /// An explanation for people.
    pub detail: String,
}

/// Collects the facts about an image from its rows, which may come in any order. Its memory does not depend on the height of
/// the image.
pub(crate) struct Content {
    width: u32,
    height: u32,
    channels: usize,
    /// The first pixel, as long as all others had the same colour.
    uniform: Option<Vec<u8>>,
    any_pixel: bool,
    /// The previous row. A row equal to it cannot change any result, and large empty images consist of such rows.
    last: Vec<u8>,
    transparent: bool,
    /// The bounding box of pixels that are not fully transparent.
    visible: Option<Bounds>,
    /// The bounding box of pixels that are more than faint.
    solid: Option<Bounds>,
    step: (u32, u32),
    grid: (u32, u32),
    /// Red, green, blue, alpha.
    points: Vec<[u8; 4]>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    left: u32,
    right: u32,
    top: u32,
    bottom: u32,
}

impl Bounds {
    fn with(bounds: Option<Self>, x: u32, y: u32) -> Self {
        let Self { left, right, top, bottom } = bounds.unwrap_or(Self { left: x, right: x, top: y, bottom: y });
        Self { left: left.min(x), right: right.max(x), top: top.min(y), bottom: bottom.max(y) }
    }

    /// The models' own rule (specification 5.1), which excludes the last row and the last column.
    fn is_empty(self) -> bool {
        self.left == self.right || self.top == self.bottom
    }

    /// The longer side, in pixels.
    fn side(self) -> u32 {
        (self.right - self.left + 1).max(self.bottom - self.top + 1)
    }
}

impl Rows for Content {
    fn row(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]) {
        self.inspect(y, x, dx, samples);
        if y.is_multiple_of(self.step.1) {
            self.take_points(y, x, dx, samples);
        }
    }
}

impl Content {
    /// For an image of 1 to 4 channels of 8 bits: grey or red, green, blue; followed by alpha if the number is even.
    pub(crate) fn new(size: Size, channels: usize) -> Self {
        let Size { width, height } = size;
        let step = (width.div_ceil(GRID).max(1), height.div_ceil(GRID).max(1));
        let grid = (width.div_ceil(step.0), height.div_ceil(step.1));
        Self {
            width,
            height,
            channels,
            uniform: None,
            any_pixel: false,
            last: Vec::new(),
            transparent: false,
            visible: None,
            solid: None,
            step,
            grid,
            points: vec![[0; 4]; grid.0 as usize * grid.1 as usize],
        }
    }

    fn inspect(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]) {
        let is_invisible = self.any_pixel && self.visible.is_none();
        if is_invisible && self.last == samples {
            return;
        }
        self.last.clear();
        self.last.extend_from_slice(samples);
        let pixels = || samples.chunks_exact(self.channels);
        if !self.any_pixel {
            self.uniform = pixels().next().map(<[u8]>::to_vec);
            self.any_pixel = self.uniform.is_some();
        }
        let alike = |first: &[u8]| {
            samples.chunks_exact(first.len()).all(|pixel| pixel.iter().zip(first).all(|(a, b)| a.abs_diff(*b) <= SAME))
        };
        if self.uniform.as_deref().is_some_and(|first| !alike(first)) {
            self.uniform = None;
        }
        let (has_alpha, alpha) = (self.channels.is_multiple_of(2), self.channels - 1);
        if has_alpha {
            self.transparent = self.transparent || pixels().any(|pixel| pixel[alpha] < u8::MAX);
            let span = |bounds: Option<Bounds>, least: u8| {
                let is_seen = |pixel: &[u8]| pixel[alpha] >= least;
                let (Some(first), Some(last)) = (pixels().position(is_seen), pixels().rposition(is_seen)) else {
                    return bounds;
                };
                let column = |index: usize| x + index as u32 * dx;
                Some(Bounds::with(Some(Bounds::with(bounds, column(first), y)), column(last), y))
            };
            (self.visible, self.solid) = (span(self.visible, 1), span(self.solid, FAINT));
        }
    }

    fn take_points(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]) {
        let row = (y / self.step.1) as usize * self.grid.0 as usize;
        for column in 0..self.grid.0 {
            let Some(offset) = (column * self.step.0).checked_sub(x).filter(|offset| offset.is_multiple_of(dx)) else {
                continue;
            };
            let at = (offset / dx) as usize * self.channels;
            if let Some(pixel) = samples.get(at..at + self.channels) {
                self.points[row + column as usize] = match *pixel {
                    [grey] => [grey, grey, grey, u8::MAX],
                    [grey, alpha] => [grey, grey, grey, alpha],
                    [red, green, blue] => [red, green, blue, u8::MAX],
                    [red, green, blue, alpha] => [red, green, blue, alpha],
                    _ => continue,
                };
            }
        }
    }

    /// The warnings.
    ///
    /// # Errors
    /// [`Refused::Empty`]: nothing is visible.
    pub(crate) fn verdict(self) -> Result<Vec<Warning>, Refused> {
        let nothing = |detail: &str| Err(Refused::Empty(detail.to_owned()));
        if self.channels.is_multiple_of(2) && self.visible.is_none_or(Bounds::is_empty) {
            return nothing("Fewer than two rows or two columns of the image hold anything that is not transparent.");
        }
        if self.width < 2 || self.height < 2 {
            return nothing("The image is a line.");
        }
        if self.uniform.is_some() {
            return nothing("The whole image has one colour.");
        }
        Ok(self.warnings())
    }

    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |code, detail: String| warnings.push(Warning { code, detail });
        let background = self.border_colour();
        let is_object = |point: &[u8; 4]| {
            if self.transparent { point[3] >= FAINT } else { (0..3).any(|c| point[c].abs_diff(background[c]) > APART) }
        };
        let mut object = None;
        let (mut count, mut edges) = (0_u32, [0_u32; 4]);
        for (index, _) in self.points.iter().enumerate().filter(|(_, point)| is_object(point)) {
            let (x, y) = (index as u32 % self.grid.0, index as u32 / self.grid.0);
            object = Some(Bounds::with(object, x, y));
            count += 1;
            let at = [x == 0, x == self.grid.0 - 1, y == 0, y == self.grid.1 - 1];
            edges.iter_mut().zip(at).for_each(|(edge, at)| *edge += u32::from(at));
        }
        if !self.transparent {
            let detail = "The image has no transparent background, so all of it is taken as the object.";
            warn("background_opaque", detail.to_owned());
        }
        let share = f64::from(count) / self.points.len() as f64;
        let sampled = object.map_or(0, |Bounds { left, right, top, bottom }| {
            ((right - left + 1) * self.step.0).max((bottom - top + 1) * self.step.1)
        });
        let side = self.solid.filter(|_| self.transparent).map_or(sampled, Bounds::side);
        if share < SLIGHT {
            let percent = share * 100.0;
            warn("object_unclear", format!("What differs from the background covers {percent:.1} % of the image."));
        } else if side < SMALL {
            let detail = format!("The object is about {side} pixels long; below {SMALL} few details are left.");
            warn("object_small", detail);
        }
        if let (Some(visible), Some(solid)) = (self.visible.filter(|_| self.transparent), self.solid) {
            let beyond = [
                solid.left - visible.left,
                visible.right - solid.right,
                solid.top - visible.top,
                visible.bottom - solid.bottom,
            ];
            let farthest = beyond.into_iter().max().unwrap_or_default();
            if f64::from(farthest) > FAINT_MARGIN * f64::from(solid.side()) {
                let detail = "Nearly transparent pixels around the object count as part of it and make it smaller in its \
                              frame; erase them.";
                warn("faint_pixels", detail.to_owned());
            }
        }
        let lengths = [self.grid.1, self.grid.1, self.grid.0, self.grid.0];
        if self.transparent
            && edges.into_iter().zip(lengths).any(|(edge, length)| f64::from(edge) > CUT * f64::from(length))
        {
            warn("object_cut_off", "The object continues beyond an edge of the image.".to_owned());
        }
        warnings
    }

    /// The median colour of the outermost points, by channel.
    fn border_colour(&self) -> [u8; 3] {
        let (width, height) = self.grid;
        let outermost = |index: usize| {
            let (x, y) = (index as u32 % width, index as u32 / width);
            x == 0 || y == 0 || x == width - 1 || y == height - 1
        };
        let border: Vec<_> = self.points.iter().enumerate().filter(|(i, _)| outermost(*i)).map(|(_, p)| *p).collect();
        std::array::from_fn(|channel| {
            let mut values: Vec<u8> = border.iter().map(|point| point[channel]).collect();
            values.sort_unstable();
            values[values.len() / 2]
        })
    }
}
