use mesh::{Mesh, measure, remove_floaters, simplify, weld};
use proptest::prelude::*;

use crate::golden::{Case, close};
use crate::shapes::{Field, ball, closed_noise};

type Point = [f64; 3];

fn corners(mesh: &Mesh, face: [u32; 3]) -> [Point; 3] {
    face.map(|v| mesh.vertices[v as usize].map(f64::from))
}

fn sub(a: Point, b: Point) -> Point {
    std::array::from_fn(|i| a[i] - b[i])
}

fn dot(a: Point, b: Point) -> f64 {
    (0..3).map(|i| a[i] * b[i]).sum()
}

/// Squared distance of a point from a triangle: its nearest point lies in the plane, on a side, or at a corner.
fn squared_distance(p: Point, [a, b, c]: [Point; 3]) -> f64 {
    let (ab, ac, ap) = (sub(b, a), sub(c, a), sub(p, a));
    let (d00, d01, d11) = (dot(ab, ab), dot(ab, ac), dot(ac, ac));
    let (d20, d21) = (dot(ap, ab), dot(ap, ac));
    let area = d00 * d11 - d01 * d01;
    if area > 0.0 {
        let (v, w) = ((d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area);
        if v >= 0.0 && w >= 0.0 && v + w <= 1.0 {
            let off: Point = std::array::from_fn(|i| ap[i] - v * ab[i] - w * ac[i]);
            return dot(off, off);
        }
    }
    let to_side = |from: Point, to: Point| {
        let (side, offset) = (sub(to, from), sub(p, from));
        let length = dot(side, side);
        let t = if length > 0.0 { (dot(offset, side) / length).clamp(0.0, 1.0) } else { 0.0 };
        let off: Point = std::array::from_fn(|i| offset[i] - t * side[i]);
        dot(off, off)
    };
    to_side(a, b).min(to_side(b, c)).min(to_side(c, a))
}

/// The distances from vertices and middles of faces of one mesh to the surface of the other.
fn distances(from: &Mesh, to: &Mesh) -> Vec<f64> {
    let middles = from.faces.iter().map(|&face| {
        let c = corners(from, face);
        std::array::from_fn(|i| (c[0][i] + c[1][i] + c[2][i]) / 3.0)
    });
    let triangles: Vec<[Point; 3]> = to.faces.iter().map(|&face| corners(to, face)).collect();
    from.vertices
        .iter()
        .map(|v| v.map(f64::from))
        .chain(middles)
        .map(|p| triangles.iter().map(|&t| squared_distance(p, t)).fold(f64::INFINITY, f64::min).sqrt())
        .collect()
}

fn largest_distance(a: &Mesh, b: &Mesh) -> f64 {
    distances(a, b).into_iter().chain(distances(b, a)).fold(0.0, f64::max)
}

fn mean_distance(a: &Mesh, b: &Mesh) -> f64 {
    let mean = |distances: Vec<f64>| distances.iter().sum::<f64>() / distances.len() as f64;
    f64::max(mean(distances(a, b)), mean(distances(b, a)))
}

fn diagonal(mesh: &Mesh) -> f64 {
    let [low, high] = measure(mesh).bounding_box;
    dot(sub(high, low), sub(high, low)).sqrt()
}

#[test]
fn reduction_meets_the_reference() {
    let case = Case::read("postprocess");
    let input = remove_floaters(weld(&case.mesh("in.vertices", "in.faces")));
    for target in [1500, 400] {
        let name = format!("reduce_{target}");
        let (figures, simplified) = (&case.figures[&name], simplify(&input, target));
        let reference = case.mesh(&format!("{name}.vertices"), &format!("{name}.faces"));
        let measures = measure(&simplified);
        assert!((target * 95 / 100..=target).contains(&measures.faces), "{} faces", measures.faces);
        assert_eq!(measures.watertight, figures["watertight"].as_bool().unwrap());
        assert_eq!(measures.components, 3);
        assert!(close(measures.area, figures["area"].as_f64().unwrap(), 0.02), "area {}", measures.area);
        assert!(close(measures.volume, figures["volume"].as_f64().unwrap(), 0.02), "volume {}", measures.volume);

        let allowed = 0.01 * diagonal(&input);
        assert!(largest_distance(&simplified, &input) <= allowed, "{}", largest_distance(&simplified, &input));
        // The reference itself is farther from the input than this at one point, so the mean is compared.
        assert!(mean_distance(&simplified, &reference) <= 0.5 * allowed);
    }
}

#[test]
fn a_mesh_within_its_budget_stays_as_it_is() {
    let ball = ball(16);
    assert_eq!(simplify(&ball, ball.faces.len()), ball);
    assert_eq!(simplify(&ball, usize::MAX), ball);
    assert_eq!(simplify(&Mesh::default(), 0), Mesh::default());
}

#[test]
fn a_fine_ball_stays_a_ball() {
    let ball = ball(100);
    for target in [20_000, 4000, 500] {
        let (before, after) = (measure(&ball), measure(&simplify(&ball, target)));
        assert!(before.faces > 40_000);
        assert!((target * 95 / 100..=target).contains(&after.faces), "{} of {target}", after.faces);
        assert!(after.watertight && after.euler_number == 2 && after.components == 1, "{after:?}");
        assert!(close(after.area, before.area, 0.02) && close(after.volume, before.volume, 0.02), "{after:?}");
    }
}

#[test]
fn an_open_boundary_stays_in_place() {
    let half =
        Field::sample([48, 48, 48], |p| 18.0 - ((p[0] - 23.5).powi(2) + (p[1] - 23.5).powi(2) + p[2] * p[2]).sqrt());
    let half = half.surface(0.0);
    let simplified = simplify(&half, 1000);
    let (before, after) = (measure(&half), measure(&simplified));
    assert!((950..=1000).contains(&after.faces));
    assert!(after.boundary_edges > 0 && after.components == 1 && after.euler_number == 1, "{after:?}");
    assert!(close(after.area, before.area, 0.02), "{after:?}");
    assert!(largest_distance(&simplified, &half) <= 0.01 * diagonal(&half));
}

#[test]
fn a_budget_below_what_the_parts_need_drops_the_smallest() {
    let bubbles = Field::sample([40, 20, 20], |p| {
        let bubble =
            |x: f32, radius: f32| radius - ((p[0] - x).powi(2) + (p[1] - 9.5).powi(2) + (p[2] - 9.5).powi(2)).sqrt();
        bubble(9.0, 6.0).max(bubble(24.0, 5.0)).max(bubble(34.0, 3.0))
    });
    let mesh = bubbles.surface(0.0);
    assert_eq!(measure(&mesh).components, 3);
    for (budget, parts) in [(12, 3), (8, 2), (4, 1)] {
        let measures = measure(&simplify(&mesh, budget));
        assert!(measures.watertight && measures.faces <= budget, "{measures:?}");
        assert_eq!(measures.components, parts);
    }
    assert!(simplify(&mesh, 3).faces.len() <= 3, "no closed surface is that small");
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let ball = ball(60);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| simplify(&ball, 3000))
    };
    assert_eq!(on(1), on(3));
}

/// Faces that are not a manifold: the same face twice, three faces at one edge, a face with a doubled vertex.
#[test]
fn a_non_manifold_mesh_is_reduced() {
    let mut mesh = ball(30);
    let first = mesh.faces[0];
    mesh.faces.extend([first, [first[0], first[1], 200], [7, 7, 9]]);
    for target in [2000, 300, 10, 1, 0] {
        assert!(simplify(&mesh, target).faces.len() <= target, "{target}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Noise is the hardest case: thin bridges and many holes in few faces.
    #[test]
    fn a_closed_mesh_stays_closed(field in closed_noise(), part in 0.4..0.95) {
        let mesh = field.surface(0.0);
        let target = (mesh.faces.len() as f64 * part) as usize;
        let simplified = simplify(&mesh, target);
        let (before, after) = (measure(&mesh), measure(&simplified));
        prop_assert!(after.faces <= target, "{} of {target}", after.faces);
        prop_assert!(after.watertight || simplified.is_empty(), "{after:?} of {before:?}");
        // Only whole parts may be missing.
        if after.components == before.components {
            prop_assert_eq!(after.euler_number, before.euler_number);
        }
    }

    #[test]
    fn every_budget_is_met(field in closed_noise(), part in 0.0..0.4) {
        let mesh = field.surface(0.0);
        let target = (mesh.faces.len() as f64 * part) as usize;
        let simplified = simplify(&mesh, target);
        prop_assert!(simplified.faces.len() <= target, "{} of {target}", simplified.faces.len());
        prop_assert!(simplified.vertices.iter().flatten().all(|c| c.is_finite()));
    }
}

/// The field of a bad model: noise everywhere, whose surface has a hundred thousand faces and refuses most collapses.
#[test]
fn noise_is_reduced_in_reasonable_time() {
    let side = 64;
    let mut state = 1_u32;
    let mut values = vec![-1.0; side * side * side];
    for x in 1..side - 1 {
        for y in 1..side - 1 {
            for z in 1..side - 1 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                values[(x * side + y) * side + z] = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
            }
        }
    }
    let mesh = mesh::extract_surface(&mesh::Grid { values: &values, shape: [side; 3] }, 0.0);
    assert!(mesh.faces.len() > 500_000, "{}", mesh.faces.len());
    let start = std::time::Instant::now();
    let small = simplify(&mesh, 500);
    assert!(!small.faces.is_empty() && small.faces.len() <= 500);
    // A slow machine takes twenty seconds; without a bound on the passes this took many minutes.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
