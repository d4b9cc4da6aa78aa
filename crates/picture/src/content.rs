//! What there is to see in a picture: nothing, something, or something that may not be as it was meant.

use crate::Refused;
use serde::Serialize;
use utoipa::ToSchema;

/// Colours this close, in each channel, are the same: noise and compression make such differences of one colour.
const SAME: u8 = 6;
/// Colours this far apart are an object and its background.
const APART: u8 = 24;
/// The picture is looked at in a grid of at most this many points along each side.
const GRID: u32 = 256;
/// An object whose longer side has fewer pixels has few details.
const SMALL: u32 = 128;
/// A smaller share of the picture than this is hardly an object.
const SLIGHT: f64 = 0.005;
/// An object that takes more than this share of one of the picture's edges seems to go on beyond it.
const CUT: f64 = 0.25;

/// Something about an accepted picture that may not be as it was meant. The job is made all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Warning {
    /// What it is, for programs: `background_opaque`, `object_unclear`, `object_small` or `object_cut_off`.
    #[schema(example = "object_small")]
    pub code: &'static str,
    /// What it is, for people.
    pub detail: String,
}

/// What has been seen of a picture; its rows may come in any order. Takes the same small memory for any picture.
pub(crate) struct Content {
    width: u32,
    height: u32,
    channels: usize,
    /// The first pixel, while all others have been like it.
    uniform: Option<Vec<u8>>,
    any_pixel: bool,
    /// The row before: most rows of a picture of nothing are like it, and need no looking at.
    last: Vec<u8>,
    transparent: bool,
    /// The columns and rows of what is not transparent, until there are two of both.
    visible: Option<Bounds>,
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

    /// As the model counts it (specification 5.1): the last row and the last column are not included.
    fn is_empty(self) -> bool {
        self.left == self.right || self.top == self.bottom
    }
}

impl Content {
    /// Of a picture with 1 to 4 channels of 8 bits: grey or red, green, blue; alpha last if the number is even.
    pub(crate) fn new(width: u32, height: u32, channels: usize) -> Self {
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
            step,
            grid,
            points: vec![[0; 4]; grid.0 as usize * grid.1 as usize],
        }
    }

    /// Takes in pixels of row `y`: columns `x`, `x + dx` and so on.
    pub(crate) fn row(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]) {
        // What is nowhere visible is visible nowhere in another place too.
        let is_open = self.uniform.is_some() && self.visible.is_none();
        if !is_open || self.last != samples {
            self.look(y, x, dx, samples);
            self.last.clear();
            if self.uniform.is_some() {
                self.last.extend_from_slice(samples);
            }
        }
        if y.is_multiple_of(self.step.1) {
            self.take_points(y, x, dx, samples);
        }
    }

    fn look(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]) {
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
        if has_alpha && !self.transparent {
            self.transparent = pixels().any(|pixel| pixel[alpha] < u8::MAX);
        }
        if has_alpha && self.visible.is_none_or(Bounds::is_empty) {
            let seen = || (x..).step_by(dx as usize).zip(pixels()).filter(|(_, pixel)| pixel[alpha] > 0);
            if let Some((first, _)) = seen().next() {
                let last = seen().last().map_or(first, |(last, _)| last);
                self.visible = Some(Bounds::with(Some(Bounds::with(self.visible, first, y)), last, y));
            }
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
                    _ => unreachable!("a pixel has 1 to 4 channels. This is a bug."),
                };
            }
        }
    }

    /// # Errors
    /// [`Refused::Empty`]: there is clearly nothing.
    pub(crate) fn verdict(self) -> Result<Vec<Warning>, Refused> {
        let nothing = |detail: &str| Err(Refused::Empty(detail.to_owned()));
        if self.channels.is_multiple_of(2) && self.visible.is_none_or(Bounds::is_empty) {
            return nothing("No two rows and two columns of the picture hold anything that is not transparent.");
        }
        if self.width < 2 || self.height < 2 {
            return nothing("The picture is a line.");
        }
        if self.uniform.is_some() {
            return nothing("The whole picture has one colour.");
        }
        Ok(self.doubts())
    }

    fn doubts(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |code, detail: String| warnings.push(Warning { code, detail });
        let background = self.border_colour();
        let is_object = |point: &[u8; 4]| {
            if self.transparent { point[3] > 0 } else { (0..3).any(|c| point[c].abs_diff(background[c]) > APART) }
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
            let detail = "The picture has no transparent background, so all of it is taken as the object.";
            warn("background_opaque", detail.to_owned());
        }
        let share = f64::from(count) / self.points.len() as f64;
        let side = object.map_or(0, |Bounds { left, right, top, bottom }| {
            ((right - left + 1) * self.step.0).max((bottom - top + 1) * self.step.1)
        });
        if share < SLIGHT {
            let percent = share * 100.0;
            warn("object_unclear", format!("What differs from the background takes {percent:.1} % of the picture."));
        } else if side < SMALL {
            warn(
                "object_small",
                format!("The object is about {side} pixels long; below {SMALL} few details are left."),
            );
        }
        let lengths = [self.grid.1, self.grid.1, self.grid.0, self.grid.0];
        if self.transparent
            && edges.into_iter().zip(lengths).any(|(edge, length)| f64::from(edge) > CUT * f64::from(length))
        {
            warn("object_cut_off", "The object goes on beyond an edge of the picture.".to_owned());
        }
        warnings
    }

    /// The median of the outermost points, each channel for itself.
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
