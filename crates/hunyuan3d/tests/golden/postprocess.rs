//! `postprocess`: removal of floaters and degenerate faces, and face reduction.

use mesh::{Mesh, measure};

use crate::case::Case;
use crate::compare::Report;
use crate::surface::{face_set, mesh, number};

pub(crate) fn check(case: &Case, report: &mut Report) {
    let read = |name: &str| mesh(&case.tensor(&format!("{name}.vertices")), &case.tensor(&format!("{name}.faces")));
    let expected = case.json("meshes.json");

    let input = read("in");
    report.number("in: faces", input.faces.len() as f64, number(&expected["input"], "faces"), 0.0);
    let floater = read("floater");
    let cleaned = mesh::remove_floaters(mesh::weld(&input));
    report.holds(face_set(&cleaned) == face_set(&floater), || "floater: other faces survive".to_owned());
    let (sizes, measures) = (&expected["floater"], measure(&cleaned));
    report.number("floater: vertices", measures.vertices as f64, number(sizes, "vertices"), 0.0);
    report.number("floater: components", measures.components as f64, number(sizes, "components"), 0.0);
    report.number("floater: area", measures.area, number(sizes, "area"), 1e-4);
    report.number("floater: volume", measures.volume, number(sizes, "volume"), 1e-4);

    let whole = mesh::remove_degenerate_faces(cleaned.clone());
    let sizes = &expected["degenerate_remover"];
    report.number("degenerate faces: vertices", whole.vertices.len() as f64, number(sizes, "vertices"), 0.0);
    report.number("degenerate faces: faces", whole.faces.len() as f64, number(sizes, "faces"), 0.0);

    let reductions = case.names().filter_map(|name| name.strip_prefix("reduce_")?.strip_suffix(".faces"));
    for target in reductions.map(str::to_owned).collect::<Vec<_>>() {
        let name = format!("reduce_{target}");
        let target: usize = target.parse().unwrap();
        let (reduced, wanted, sizes) = (mesh::simplify(&floater, target), read(&name), &expected[&name]);
        let faces = reduced.faces.len();
        report.holds(faces <= target && faces as f64 >= 0.95 * target as f64, || format!("{name}: {faces} faces"));
        let measures = measure(&reduced);
        report.number(&format!("{name}: area"), measures.area, number(sizes, "area"), 0.02);
        report.number(&format!("{name}: volume"), measures.volume, number(sizes, "volume"), 0.02);
        report.holds(measures.watertight == sizes["watertight"].as_bool().unwrap(), || {
            format!("{name}: watertight is {}", measures.watertight)
        });
        let [low, high] = measure(&wanted).bounding_box;
        let diagonal = (0..3).map(|axis| (high[axis] - low[axis]).powi(2)).sum::<f64>().sqrt();
        let distance = surface_distance(&reduced, &wanted).max(surface_distance(&wanted, &reduced));
        report.holds(distance <= 0.01 * diagonal, || format!("{name}: surface is off by {distance}"));
    }
}

/// The mean distance of `a`'s vertices and face centres from the surface of `b`. Not the largest: at few faces the
/// reference's own reduction lies further than the tolerance from its input somewhere.
fn surface_distance(a: &Mesh, b: &Mesh) -> f64 {
    let corners = |mesh: &Mesh, face: [u32; 3]| face.map(|v| mesh.vertices[v as usize].map(f64::from));
    let centre = |face: &[u32; 3]| {
        let [p, q, r] = corners(a, *face);
        [0, 1, 2].map(|axis| (p[axis] + q[axis] + r[axis]) / 3.0)
    };
    let points = a.vertices.iter().map(|v| v.map(f64::from)).chain(a.faces.iter().map(centre));
    let triangles: Vec<_> = b.faces.iter().map(|&face| corners(b, face)).collect();
    let nearest = |p| triangles.iter().map(|&t| triangle_distance(p, t)).fold(f64::INFINITY, f64::min);
    let distances: Vec<f64> = points.map(nearest).collect();
    distances.iter().sum::<f64>() / distances.len() as f64
}

type Vector = [f64; 3];

fn sub(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Distance of a point from a triangle: to the plane where the foot lies inside, else to the nearest edge.
fn triangle_distance(p: Vector, [a, b, c]: [Vector; 3]) -> f64 {
    let (ab, ac, ap) = (sub(b, a), sub(c, a), sub(p, a));
    let (d11, d12, d22, d1, d2) = (dot(ab, ab), dot(ab, ac), dot(ac, ac), dot(ap, ab), dot(ap, ac));
    let det = d11 * d22 - d12 * d12;
    let (v, w) = ((d22 * d1 - d12 * d2) / det, (d11 * d2 - d12 * d1) / det);
    if v >= 0.0 && w >= 0.0 && v + w <= 1.0 {
        let foot: Vector = std::array::from_fn(|i| a[i] + v * ab[i] + w * ac[i]);
        return dot(sub(p, foot), sub(p, foot)).sqrt();
    }
    let segment = |from: Vector, to: Vector| {
        let edge = sub(to, from);
        let t = (dot(sub(p, from), edge) / dot(edge, edge)).clamp(0.0, 1.0);
        let foot: Vector = std::array::from_fn(|i| from[i] + t * edge[i]);
        dot(sub(p, foot), sub(p, foot)).sqrt()
    };
    segment(a, b).min(segment(b, c)).min(segment(c, a))
}
