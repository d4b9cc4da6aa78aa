//! A small renderer for thumbnails: rasterize, estimate ambient occlusion, shade, and average the samples of each pixel.

mod ground;
mod occlusion;
mod raster;
mod shade;
mod view;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;

use crate::error::Error;
use crate::mesh::Mesh;
use crate::normals::vertex_normals;
use crate::vector::{dot, unit};
use ground::Ground;
use raster::{BACKGROUND, Visible};
use shade::{Studio, to_srgb};
use view::View;

/// Samples per pixel along each axis.
const SAMPLES: usize = 2;

/// Renders a mesh as a square PNG of `size` x `size` pixels (16 to 4096): smooth grey clay seen from the front, a little
/// from the right and above, on a transparent background with a soft shadow.
///
/// # Errors
/// As [`Mesh::check`], and [`Error::ThumbnailSize`] or [`Error::Png`].
pub fn thumbnail(mesh: &Mesh, size: u32) -> Result<Vec<u8>, Error> {
    mesh.check()?;
    if !(16..=4096).contains(&size) {
        return Err(Error::ThumbnailSize { size });
    }
    let pixels = draw(mesh, size);
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&pixels, size, size, ExtendedColorType::Rgba8)
        .map_err(Error::Png)?;
    Ok(png)
}

/// RGBA, 8 bits each, straight alpha.
fn draw(mesh: &Mesh, size: u32) -> Vec<u8> {
    let view = View::framing(mesh, size * SAMPLES as u32);
    let (visible, normals) =
        rayon::join(|| Visible::draw(mesh, &view, size as usize * SAMPLES), || vertex_normals(mesh));
    let size = size as usize;
    let canvas = Canvas {
        mesh,
        view: &view,
        visible: &visible,
        normals: &normals,
        openness: openness(&visible, size, &view),
        ground: Ground::under(mesh, &view),
        studio: Studio::of(&view),
        size,
    };
    let mut pixels = vec![0; 4 * size * size];
    pixels.par_chunks_mut(4 * size).enumerate().for_each(|(y, row)| {
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            pixel.copy_from_slice(&canvas.pixel(x, y));
        }
    });
    pixels
}

/// Openness per pixel, from the nearest sample of each.
fn openness(visible: &Visible, size: usize, view: &View) -> Vec<f32> {
    let mut depth = vec![f32::INFINITY; size * size];
    for (place, depth) in depth.iter_mut().enumerate() {
        for (x, y) in samples(place % size, place / size) {
            *depth = depth.min(visible.depth[y * visible.width + x]);
        }
    }
    occlusion::openness(&depth, size, &view.at_scale(1.0 / SAMPLES as f64))
}

/// The samples of a pixel.
fn samples(x: usize, y: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..SAMPLES * SAMPLES).map(move |n| (x * SAMPLES + n % SAMPLES, y * SAMPLES + n / SAMPLES))
}

/// The inputs of the shading of pixels.
struct Canvas<'a> {
    mesh: &'a Mesh,
    view: &'a View,
    visible: &'a Visible,
    normals: &'a [[f32; 3]],
    openness: Vec<f32>,
    ground: Ground,
    studio: Studio,
    size: usize,
}

impl Canvas<'_> {
    fn pixel(&self, x: usize, y: usize) -> [u8; 4] {
        // Samples with nearly equal normals are shaded once.
        const ALIKE: f64 = 0.95;
        let openness = self.openness[y * self.size + x];
        let mut light = [0.0_f32; 3];
        let mut covered = 0.0;
        let mut shaded: Option<([f64; 3], [f32; 3])> = None;
        let mut last_face = BACKGROUND;
        for (sx, sy) in samples(x, y) {
            let face = self.visible.face[sy * self.visible.width + sx];
            if face == BACKGROUND {
                continue;
            }
            if face != last_face {
                let normal = self.normal(face, [sx as f64 + 0.5, sy as f64 + 0.5]);
                if shaded.is_none_or(|(other, _)| dot(normal, other) < ALIKE) {
                    shaded = Some((normal, self.studio.shade(normal, openness)));
                }
                last_face = face;
            }
            if let Some((_, sample)) = shaded {
                light = std::array::from_fn(|i| light[i] + sample[i]);
            }
            covered += 1.0;
        }
        let coverage = covered / (SAMPLES * SAMPLES) as f32;
        let middle = [x, y].map(|c| (c as f64 + 0.5) * SAMPLES as f64);
        let shade = if coverage < 1.0 { self.ground.shade(self.view, middle) } else { 0.0 };
        let alpha = coverage + (1.0 - coverage) * shade;
        if alpha <= 0.0 {
            return [0; 4];
        }
        // The shadow is black, so only the mesh contributes light. Where both meet, straight alpha is encoded in sRGB,
        // the space in which viewers blend.
        let mesh_part = coverage / alpha;
        let colour =
            light.map(|c| (f32::from(to_srgb(if covered > 0.0 { c / covered } else { 0.0 })) * mesh_part) as u8);
        [colour[0], colour[1], colour[2], (alpha * 255.0 + 0.5) as u8]
    }

    /// The smooth normal at a sample of a face, oriented to the viewer: the inside of an open surface is lit like its
    /// outside.
    fn normal(&self, face: u32, sample: [f64; 2]) -> [f64; 3] {
        let corners = self.mesh.faces[face as usize];
        let weights = self.visible.weights(corners, sample);
        let mut sum = [0.0; 3];
        for (v, weight) in corners.into_iter().zip(weights) {
            let normal = self.normals[v as usize];
            sum = std::array::from_fn(|i| sum[i] + weight * f64::from(normal[i]));
        }
        if self.visible.is_from_behind(corners) {
            sum = sum.map(|c| -c);
        }
        // On coarse meshes a smooth normal may point away from the viewer although the face does not; it is clamped to edge on.
        let away = dot(sum, self.view.back).min(0.0);
        let towards = std::array::from_fn(|i| sum[i] - away * self.view.back[i]);
        unit(towards).unwrap_or(self.view.back)
    }
}
