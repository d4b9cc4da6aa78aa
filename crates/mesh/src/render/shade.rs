use std::sync::LazyLock;

use super::view::View;
use crate::vector::{Vector, dot, unit};

/// Linear light, red green blue.
pub(super) type Colour = [f32; 3];

/// The colour of the clay.
const ALBEDO: Colour = [0.53, 0.515, 0.50];
/// Light from all sides, from above and from below.
const SKY: Colour = [0.30, 0.33, 0.38];
const EARTH: Colour = [0.13, 0.115, 0.10];

struct Light {
    direction: Vector,
    colour: Colour,
    /// Wrap lighting, 0 to 1: how far the light reaches beyond the terminator, as from a large lamp.
    wrap: f64,
}

/// The studio: a warm key light at the upper left, a cool fill from the right, a rim from behind.
pub(super) struct Studio {
    lights: [Light; 3],
    /// Halfway between the key light and the viewer, for the sheen.
    halfway: Vector,
}

impl Studio {
    pub(super) fn of(view: &View) -> Self {
        let light = |direction, colour, wrap| Light { direction: view.direction(direction), colour, wrap };
        let key = light([-0.55, 0.75, 0.65], [1.12, 1.05, 0.95], 0.10);
        let halfway = std::array::from_fn(|i| key.direction[i] + view.back[i]);
        Studio {
            halfway: unit(halfway).unwrap_or(view.back),
            lights: [
                key,
                light([0.9, 0.1, 0.5], [0.20, 0.24, 0.30], 0.35),
                light([0.35, 0.5, -0.8], [0.38, 0.38, 0.40], 0.0),
            ],
        }
    }

    /// The light that a spot with this unit normal, turned to the viewer, sends to the viewer.
    pub(super) fn shade(&self, normal: Vector, openness: f32) -> Colour {
        let up = (normal[1] * 0.5 + 0.5) as f32;
        let around: Colour = std::array::from_fn(|i| (EARTH[i] + (SKY[i] - EARTH[i]) * up) * openness);
        // Lamps are large, so hollows receive less of their light, too.
        let direct_openness = 0.45 + 0.55 * openness;
        let mut light = around;
        for lamp in &self.lights {
            let facing = (dot(normal, lamp.direction) + lamp.wrap) / (1.0 + lamp.wrap);
            let amount = facing.max(0.0) as f32 * direct_openness;
            light = std::array::from_fn(|i| light[i] + lamp.colour[i] * amount);
        }
        let sheen = 0.07 * dot(normal, self.halfway).max(0.0).powi(28) as f32 * openness;
        std::array::from_fn(|i| ALBEDO[i] * light[i] + sheen)
    }
}

/// Steps of the table for light from 0 to [`BRIGHTEST`]; fine enough for the steep dark end of the curve.
const STEPS: usize = 1 << 14;
const BRIGHTEST: f32 = 2.0;

static CURVE: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..=STEPS).map(|i| encode(BRIGHTEST * i as f32 / STEPS as f32)).collect());

/// Linear light to an 8-bit sRGB value, with a soft shoulder so that highlights do not burn out.
pub(super) fn to_srgb(linear: f32) -> u8 {
    CURVE[(linear * (STEPS as f32 / BRIGHTEST) + 0.5).clamp(0.0, STEPS as f32) as usize]
}

fn encode(linear: f32) -> u8 {
    let x = if linear > 0.7 { 0.7 + 0.3 * (1.0 - (-(linear - 0.7) / 0.3).exp()) } else { linear };
    let encoded = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0 + 0.5) as u8
}
