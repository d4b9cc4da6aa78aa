//! Writes sample meshes, each as GLB, OBJ, STL and PNG, into a folder: `write_samples <folder>`.
//!
//! The samples cover the cases of the writers: one face, a closed and an open surface, 16 and 32 bit indices,
//! several parts, faces without area, and a simplified mesh.

use std::error::Error;
use std::path::Path;

use mesh::{Grid, Mesh, extract_surface, remove_floaters, simplify, thumbnail, to_world, write};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: write_samples <folder>")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    for (name, mesh) in samples() {
        std::fs::write(folder.join(name).with_extension("glb"), write::glb(&mesh)?)?;
        std::fs::write(folder.join(name).with_extension("obj"), write::obj(&mesh)?)?;
        std::fs::write(folder.join(name).with_extension("stl"), write::stl(&mesh)?)?;
        std::fs::write(folder.join(name).with_extension("png"), thumbnail(&mesh, 512)?)?;
    }
    Ok(())
}

fn samples() -> Vec<(&'static str, Mesh)> {
    let triangle = Mesh { vertices: vec![[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], faces: vec![[0, 1, 2]] };
    let without_area = Mesh {
        vertices: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.5, 1.0, 0.0]],
        faces: vec![[0, 1, 2], [0, 1, 3], [3, 3, 3]],
    };
    let figure = surface(97, figure);
    let floaters = surface(65, figure_with_floaters);
    vec![
        ("triangle", triangle),
        ("without_area", without_area),
        ("ball", surface(33, |p| 0.8 - length(p))),
        ("open", surface(49, |p| 0.9 - length([p[0], p[1] + 1.2, p[2]]))),
        ("knot", surface(129, knot)),
        ("fine_knot", surface(257, knot)),
        ("figure_4000", simplify(&figure, 4000)),
        ("figure_600", simplify(&figure, 600)),
        ("figure", figure),
        ("without_floaters", remove_floaters(floaters.clone())),
        ("floaters", floaters),
    ]
}

/// The surface of a field, positive inside, over the cube from -1 to 1.
fn surface(points: usize, field: impl Fn([f32; 3]) -> f32) -> Mesh {
    let step = 2.0 / (points - 1) as f32;
    let values: Vec<f32> = (0..points.pow(3))
        .map(|i| field([i / (points * points), i / points % points, i % points].map(|c| c as f32 * step - 1.0)))
        .collect();
    let mut mesh = extract_surface(&Grid { values: &values, shape: [points; 3] }, 0.0);
    to_world(&mut mesh, [step; 3], [-1.0; 3]);
    mesh
}

fn length(p: [f32; 3]) -> f32 {
    p.map(|c| c * c).iter().sum::<f32>().sqrt()
}

/// A tube along a (2, 3) torus knot.
fn knot(p: [f32; 3]) -> f32 {
    let [x, z, y] = p;
    let angle = y.atan2(x);
    let ring = x.hypot(y) - 0.55;
    let strand = |turn: f32| {
        let (sin, cos) = (1.5 * (angle + turn)).sin_cos();
        (ring - 0.24 * cos).hypot(z - 0.24 * sin)
    };
    0.13 - strand(0.0).min(strand(std::f32::consts::TAU))
}

/// A small figure of blended balls: body, head, ears, arms, feet.
fn figure(p: [f32; 3]) -> f32 {
    let parts: [([f32; 3], f32); 9] = [
        ([0.0, -0.30, 0.0], 0.42),
        ([0.0, 0.32, 0.05], 0.33),
        ([-0.22, 0.66, 0.0], 0.14),
        ([0.22, 0.66, 0.0], 0.14),
        ([-0.46, -0.12, 0.12], 0.13),
        ([0.46, -0.12, 0.12], 0.13),
        ([-0.22, -0.74, 0.12], 0.17),
        ([0.22, -0.74, 0.12], 0.17),
        ([0.0, 0.25, 0.36], 0.10),
    ];
    let sum: f32 = parts
        .iter()
        .map(|(centre, radius)| (28.0 * (radius - length(std::array::from_fn(|i| p[i] - centre[i])))).exp())
        .sum();
    sum.ln() / 28.0
}

fn figure_with_floaters(p: [f32; 3]) -> f32 {
    let crumb = |centre: [f32; 3]| 0.045 - length(std::array::from_fn(|i| p[i] - centre[i]));
    figure(p).max(crumb([0.8, 0.8, 0.0])).max(crumb([-0.8, 0.5, 0.3])).max(crumb([0.7, -0.4, -0.6]))
}
