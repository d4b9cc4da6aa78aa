use rayon::prelude::*;

use super::view::View;
use crate::mesh::Mesh;

/// Rows that one task draws.
const BAND: usize = 32;

/// No face is visible.
pub(super) const BACKGROUND: u32 = u32::MAX;

/// The visible face of every sample and its depth.
pub(super) struct Visible {
    pub(super) width: usize,
    /// Distance from the camera's plane; infinite in the background.
    pub(super) depth: Vec<f32>,
    pub(super) face: Vec<u32>,
    /// Vertices in samples (x right, y down) and distance.
    pub(super) projected: Vec<[f64; 3]>,
}

impl Visible {
    /// Draws all faces, seen from either side, into `width` x `width` samples.
    pub(super) fn draw(mesh: &Mesh, view: &View, width: usize) -> Self {
        let projected: Vec<[f64; 3]> = mesh.vertices.par_iter().map(|v| view.project(v.map(f64::from))).collect();
        let faces_of_band = faces_of_bands(mesh, &projected, width);
        let mut depth = vec![f32::INFINITY; width * width];
        let mut face = vec![BACKGROUND; width * width];
        let bands = depth.par_chunks_mut(BAND * width).zip(face.par_chunks_mut(BAND * width)).enumerate();
        bands.zip(faces_of_band).for_each(|((band, (depth, face)), faces)| {
            let mut band = Band { top: band * BAND, width, depth, face };
            for index in faces {
                band.draw(index, mesh.faces[index as usize].map(|v| projected[v as usize]));
            }
        });
        Visible { width, depth, face, projected }
    }

    /// Whether a face shows its inner side (the picture's y runs down, so outer sides run clockwise).
    pub(super) fn is_from_behind(&self, corners: [u32; 3]) -> bool {
        let [a, b, c] = corners.map(|v| self.projected[v as usize]);
        edge(a, b, [c[0], c[1]]) > 0.0
    }

    /// The weights of a face's corners at a sample, which may lie slightly outside the face.
    pub(super) fn weights(&self, corners: [u32; 3], sample: [f64; 2]) -> [f64; 3] {
        let [a, b, c] = corners.map(|v| self.projected[v as usize]);
        let area = edge(a, b, [c[0], c[1]]);
        [edge(b, c, sample), edge(c, a, sample), edge(a, b, sample)].map(|w| (w / area).clamp(0.0, 1.0))
    }
}

/// The faces that overlap each band, in their order.
fn faces_of_bands(mesh: &Mesh, projected: &[[f64; 3]], width: usize) -> Vec<Vec<u32>> {
    let mut bands = vec![Vec::new(); width.div_ceil(BAND)];
    for (index, corners) in (0_u32..).zip(&mesh.faces) {
        let [a, b, c] = corners.map(|v| projected[v as usize][1]);
        if let Some(rows) = samples_between(a.min(b).min(c), a.max(b).max(c), width) {
            for band in &mut bands[rows.start / BAND..=(rows.end - 1) / BAND] {
                band.push(index);
            }
        }
    }
    bands
}

struct Band<'a> {
    top: usize,
    width: usize,
    depth: &'a mut [f32],
    face: &'a mut [u32],
}

impl Band<'_> {
    fn draw(&mut self, index: u32, [a, mut b, mut c]: [[f64; 3]; 3]) {
        let height = self.depth.len() / self.width;
        let (low_y, high_y) = (a[1].min(b[1]).min(c[1]), a[1].max(b[1]).max(c[1]));
        let Some(rows) = samples_between(low_y - self.top as f64, high_y - self.top as f64, height) else { return };
        let (low_x, high_x) = (a[0].min(b[0]).min(c[0]), a[0].max(b[0]).max(c[0]));
        let Some(columns) = samples_between(low_x, high_x, self.width) else { return };
        let mut area = edge(a, b, [c[0], c[1]]);
        if area < 0.0 {
            (b, c, area) = (c, b, -area);
        }
        if area.is_nan() || area <= 0.0 {
            return;
        }
        // Room for rounding, so that no sample falls between two faces; where they overlap, depth decides.
        let least = -1e-9 * area;
        // The weights are linear in the sample's place: one step along a row adds a constant.
        let across = [c[1] - b[1], a[1] - c[1], b[1] - a[1]].map(|step| -step);
        let slope = (across[0] * a[2] + across[1] * b[2] + across[2] * c[2]) / area;
        for row in rows {
            let first = [columns.start as f64 + 0.5, (self.top + row) as f64 + 0.5];
            let mut weights = [edge(b, c, first), edge(c, a, first), edge(a, b, first)];
            let mut depth = (weights[0] * a[2] + weights[1] * b[2] + weights[2] * c[2]) / area;
            for column in columns.clone() {
                let place = row * self.width + column;
                if weights.iter().all(|&w| w >= least) && (depth as f32) < self.depth[place] {
                    self.depth[place] = depth as f32;
                    self.face[place] = index;
                }
                weights = std::array::from_fn(|i| weights[i] + across[i]);
                depth += slope;
            }
        }
    }
}

/// Twice the signed area of a, b and a point.
fn edge(a: [f64; 3], b: [f64; 3], p: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

/// The samples, `i + 0.5` for `i` below `count`, between two coordinates.
fn samples_between(low: f64, high: f64, count: usize) -> Option<std::ops::Range<usize>> {
    let first = (low - 0.5).ceil().max(0.0);
    let last = (high - 0.5).floor().min(count as f64 - 1.0);
    (first <= last).then(|| first as usize..last as usize + 1)
}
