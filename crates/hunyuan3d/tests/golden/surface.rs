//! Shared by the checks of meshes: reading them, their expected measures, comparing vertices as sets.

use std::collections::{HashMap, HashSet};

use mesh::{Measures, Mesh};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::compare::Report;

/// Rows of a float tensor [n, 3].
pub(crate) fn rows(tensor: &Tensor) -> Vec<[f32; 3]> {
    let flat = Vec::<f32>::try_from(tensor.to_kind(Kind::Float).contiguous().view(-1)).unwrap();
    flat.as_chunks::<3>().0.to_vec()
}

/// A mesh from tensors [n, 3] and [m, 3].
pub(crate) fn mesh(vertices: &Tensor, faces: &Tensor) -> Mesh {
    let faces = Vec::<i64>::try_from(faces.to_kind(Kind::Int64).contiguous().view(-1)).unwrap();
    let faces = faces.as_chunks::<3>().0.iter().map(|face| face.map(|v| v as u32)).collect();
    Mesh { vertices: rows(vertices), faces }
}

/// A number of a JSON object.
pub(crate) fn number(json: &Value, key: &str) -> f64 {
    json[key].as_f64().unwrap_or_else(|| panic!("{key} is missing in {json}"))
}

/// Tolerances of the measures.
pub(crate) struct MeasureTolerance {
    /// Relative, of area and volume.
    pub(crate) size: f64,
    /// Relative, of the vertex count.
    pub(crate) vertices: f64,
    /// Absolute, of the bounding box.
    pub(crate) bounds: f64,
    /// Whether the surface must be connected and closed as expected.
    pub(crate) topology: bool,
}

/// Compares a mesh's measures with `expected` (`area`, `signed_volume`, `exported_vertices` ...).
pub(crate) fn check_measures(
    what: &str,
    got: &Measures,
    expected: &Value,
    tolerance: &MeasureTolerance,
    report: &mut Report,
) {
    report.number(&format!("{what}: area"), got.area, number(expected, "area"), tolerance.size);
    report.number(&format!("{what}: volume"), got.volume, number(expected, "signed_volume"), tolerance.size);
    let vertices = number(expected, "exported_vertices");
    report.number(&format!("{what}: vertices"), got.vertices as f64, vertices, tolerance.vertices);
    for (side, corner) in got.bounding_box.iter().enumerate() {
        for (axis, &value) in corner.iter().enumerate() {
            let wanted = expected["bounds"][side][axis].as_f64().unwrap();
            report.holds((value - wanted).abs() <= tolerance.bounds, || {
                format!("{what}: bounding box side {side} axis {axis} is {value} instead of {wanted}")
            });
        }
    }
    if tolerance.topology {
        let watertight = expected["watertight"].as_bool().unwrap();
        report.holds(got.watertight == watertight, || format!("{what}: watertight is {}", got.watertight));
        let (components, euler) = (number(expected, "components") as usize, number(expected, "euler") as i64);
        report.holds(got.components == components, || format!("{what}: {} components", got.components));
        report.holds(got.euler_number == euler, || format!("{what}: Euler number {}", got.euler_number));
    }
}

/// The share of points of `a` that have no point of `b` within `distance`.
pub(crate) fn unmatched_share(a: &[[f32; 3]], b: &[[f32; 3]], distance: f32) -> f64 {
    let cell = |p: &[f32; 3]| p.map(|c| (c / distance).floor() as i64);
    let mut cells: HashMap<[i64; 3], Vec<[f32; 3]>> = HashMap::new();
    for p in b {
        cells.entry(cell(p)).or_default().push(*p);
    }
    let near = |p: &&[f32; 3]| {
        let home = cell(p);
        (0..27).any(|i| {
            let neighbour = [home[0] + i % 3 - 1, home[1] + i / 3 % 3 - 1, home[2] + i / 9 - 1];
            let candidates = cells.get(&neighbour).map_or(&[][..], Vec::as_slice);
            candidates.iter().any(|q| (0..3).all(|axis| (p[axis] - q[axis]).abs() <= distance))
        })
    };
    a.iter().filter(|p| !near(p)).count() as f64 / a.len().max(1) as f64
}

/// A mesh's faces as sets of positions, whatever the order of vertices and faces.
pub(crate) fn face_set(mesh: &Mesh) -> HashSet<[[u32; 3]; 3]> {
    let face = |face: &[u32; 3]| {
        let mut corners = face.map(|v| mesh.vertices[v as usize].map(|c| (c + 0.0).to_bits()));
        let least = (0..3).min_by_key(|&i| corners[i]).unwrap();
        corners.rotate_left(least);
        corners
    };
    mesh.faces.iter().map(face).collect()
}
