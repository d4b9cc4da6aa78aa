use std::collections::{HashMap, HashSet};

use mesh::{Error, Grid, Mesh, extract_surface, measure, to_world};
use proptest::prelude::*;

use crate::shapes::{Field, ball_field, closed_noise};

/// The number of faces on every directed edge.
fn sides(mesh: &Mesh) -> HashMap<(u32, u32), usize> {
    let mut sides = HashMap::new();
    for &[a, b, c] in &mesh.faces {
        for side in [(a, b), (b, c), (c, a)] {
            *sides.entry(side).or_insert(0) += 1;
        }
    }
    sides
}

fn is_closed(mesh: &Mesh) -> bool {
    let sides = sides(mesh);
    sides.iter().all(|(&(a, b), &count)| a != b && count == 1 && sides.contains_key(&(b, a)))
}

fn has_no_waste(mesh: &Mesh) -> bool {
    let positions: HashSet<[u32; 3]> = mesh.vertices.iter().map(|v| v.map(f32::to_bits)).collect();
    let referenced: HashSet<u32> = mesh.faces.iter().flatten().copied().collect();
    positions.len() == mesh.vertices.len() && referenced.len() == mesh.vertices.len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn closed_fields_give_closed_surfaces(field in closed_noise()) {
        let mesh = field.surface(0.0);
        prop_assert!(is_closed(&mesh));
        prop_assert!(has_no_waste(&mesh));
        let measures = measure(&mesh);
        prop_assert_eq!(measures.watertight, !mesh.is_empty());
        prop_assert!(mesh.is_empty() || measures.volume > 0.0);
        prop_assert_eq!(measures.boundary_edges, 0);
        prop_assert_eq!(measures.degenerate_faces, 0);
        for vertex in &mesh.vertices {
            prop_assert!((0..3).all(|i| vertex[i] > 0.0 && vertex[i] < (field.shape[i] - 1) as f32));
        }
    }

    #[test]
    fn points_not_evaluated_open_the_surface_and_nothing_else(
        field in closed_noise(),
        holes in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let whole = field.surface(0.0);
        let mut partly = field.clone();
        for hole in holes {
            *hole.get_mut(&mut partly.values) = f32::NAN;
        }
        let mesh = partly.surface(0.0);
        prop_assert!(has_no_waste(&mesh));
        prop_assert!(mesh.vertices.iter().flatten().all(|c| c.is_finite()));
        prop_assert!(sides(&mesh).values().all(|&count| count == 1), "a side drawn twice the same way");
        prop_assert!(mesh.faces.len() <= whole.faces.len() + 64 * partly.values.iter().filter(|v| v.is_nan()).count());
    }

    /// Vertices do not coincide after scaling and rounding to world coordinates either.
    #[test]
    fn the_world_mapping_keeps_vertices_apart(field in closed_noise()) {
        let mut mesh = field.surface(0.0);
        let points = field.shape.into_iter().max().unwrap() as f32;
        to_world(&mut mesh, [2.02 / points; 3], [-1.01; 3]);
        prop_assert!(has_no_waste(&mesh));
    }

    /// The enclosed volume grows as the level falls.
    #[test]
    fn a_lower_level_encloses_more(field in closed_noise()) {
        let volumes = [0.5, 0.0, -0.5].map(|level| measure(&field.surface(level)).volume);
        prop_assert!(volumes[0] <= volumes[1] + 1e-6 && volumes[1] <= volumes[2] + 1e-6, "{volumes:?}");
    }
}

#[test]
fn a_ball_has_the_area_and_volume_of_a_ball() {
    let measures = measure(&ball_field(65, 26.0).surface(0.0));
    let (area, volume) =
        (4.0 * std::f64::consts::PI * 26.0_f64.powi(2), 4.0 / 3.0 * std::f64::consts::PI * 26.0_f64.powi(3));
    assert!(measures.watertight);
    assert_eq!((measures.euler_number, measures.components), (2, 1));
    assert!((measures.area / area - 1.0).abs() < 2e-3, "area {}", measures.area);
    assert!((measures.volume / volume - 1.0).abs() < 2e-3, "volume {}", measures.volume);
}

#[test]
fn a_torus_has_a_hole() {
    let field = Field::sample([48, 48, 24], |[x, y, z]| {
        let ring = (x - 23.5).hypot(y - 23.5) - 14.0;
        6.0 - ring.hypot(z - 11.5)
    });
    let measures = measure(&field.surface(0.0));
    assert!(measures.watertight);
    assert_eq!((measures.euler_number, measures.components), (0, 1));
}

/// A coarse-to-fine decoder evaluates only a band around the surface; the result is the same.
#[test]
fn a_band_around_the_surface_is_enough() {
    let dense = ball_field(40, 13.3);
    let mut band = dense.clone();
    for value in band.values.iter_mut().filter(|v| v.abs() > 2.5) {
        *value = f32::NAN;
    }
    assert_eq!(band.surface(0.0), dense.surface(0.0));
}

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    let field = Field::sample([40, 41, 70], |[x, y, z]| (x * 0.7).sin() + (y * 0.9).sin() + (z * 1.1).sin());
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| field.surface(0.1))
    };
    let one = on(1);
    assert!(one.faces.len() > 10_000);
    assert_eq!(one, on(2));
    assert_eq!(one, on(7));
}

#[test]
fn no_crossing_gives_an_empty_mesh() {
    for value in [-1.0, 0.0, 1.0, f32::NAN, f32::INFINITY] {
        let field = Field::sample([5, 4, 3], |_| value);
        assert_eq!(field.surface(0.0), Mesh::default(), "all {value}");
    }
    for shape in [[0, 0, 0], [0, 5, 5], [1, 5, 5], [5, 1, 5], [5, 5, 1]] {
        let field = Field::sample(shape, |[x, y, z]| x + y + z - 1.5);
        assert!(field.surface(0.0).is_empty(), "shape {shape:?}");
    }
    assert!(ball_field(9, 3.0).surface(5.0).is_empty(), "level above all values");
    assert!(ball_field(9, 3.0).surface(f32::NAN).is_empty(), "level without a value");
}

#[test]
fn an_infinite_value_counts_as_not_evaluated() {
    let mut field = ball_field(9, 3.0);
    field.values[4 * 81 + 4 * 9 + 4] = f32::INFINITY;
    assert_eq!(field.surface(0.0), ball_field(9, 3.0).surface(0.0), "values away from the surface are not used");
    field.values[0] = f32::NEG_INFINITY;
    assert_eq!(field.surface(0.0), ball_field(9, 3.0).surface(0.0), "nor far outside");
}

#[test]
fn values_must_fit_the_shape() {
    assert!(matches!(Grid::new(&[0.0; 7], [2, 2, 2]), Err(Error::GridShape { values: 7, .. })));
    assert!(matches!(Grid::new(&[], [usize::MAX, 2, 2]), Err(Error::GridShape { .. })));
}

#[test]
#[should_panic(expected = "must fit the shape")]
fn a_grid_made_by_hand_is_checked_too() {
    extract_surface(&Grid { values: &[0.0; 7], shape: [2, 2, 2] }, 0.0);
}

#[test]
fn the_world_mapping_scales_moves_and_mirrors() {
    let mut mesh = ball_field(17, 6.0).surface(0.0);
    let volume = measure(&mesh).volume;
    to_world(&mut mesh, [0.5, 0.25, -2.0], [1.0, 2.0, 3.0]);
    let measures = measure(&mesh);
    assert!(measures.watertight && (measures.volume / (0.25 * volume) - 1.0).abs() < 1e-4, "{measures:?}");
    for (axis, (middle, extent)) in [(5.0, 3.0), (4.0, 1.5), (-13.0, 12.0)].into_iter().enumerate() {
        let [low, high] = [measures.bounding_box[0][axis], measures.bounding_box[1][axis]];
        assert!(
            ((low + high) / 2.0 - middle).abs() < 1e-4 && ((high - low) / 2.0 - extent).abs() < 1e-4,
            "axis {axis}"
        );
    }
}
