use mesh::{Grid, Mesh, extract_closed_surface, extract_surface, measure};
use proptest::prelude::*;

use crate::shapes::{Field, ball_field, closed_noise};

fn closed(field: &Field, level: f32) -> (Mesh, bool) {
    extract_closed_surface(&Grid::new(&field.values, field.shape).unwrap(), level)
}

/// A ball of radius 9 around a centre in a grid of 24 x 22 x 20 points.
fn ball_around(centre: [f32; 3]) -> Field {
    Field::sample([24, 22, 20], |p| 9.0 - (0..3).map(|i| (p[i] - centre[i]).powi(2)).sum::<f32>().sqrt())
}

/// Leaves only the points near the surface evaluated, as a coarse-to-fine decoder does.
fn band(field: &Field) -> Field {
    let values = field.values.iter().map(|&v| if v.abs() > 2.5 { f32::NAN } else { v }).collect();
    Field { values, shape: field.shape }
}

#[test]
fn a_shape_within_the_grid_stays_as_it_is() {
    let field = ball_field(24, 8.0);
    assert_eq!(closed(&field, 0.0), (field.surface(0.0), false));
}

#[test]
fn a_shape_that_is_cut_is_closed_at_the_boundary() {
    let middle = [11.5, 10.5, 9.5];
    for offset in [
        [-9.0, 0.0, 0.0],
        [9.0, 0.0, 0.0],
        [0.0, -9.0, 0.0],
        [0.0, 9.0, 0.0],
        [0.0, 0.0, -8.0],
        [0.0, 0.0, 8.0],
        [9.0, -9.0, 0.0],
        [-10.0, 9.0, 8.0],
        [11.0, 10.0, 9.0],
    ] {
        let field = ball_around(std::array::from_fn(|i| middle[i] + offset[i]));
        let (mesh, is_cut) = closed(&field, 0.0);
        let measures = measure(&mesh);
        assert!(is_cut && measures.watertight, "{offset:?}: {measures:?}");
        assert_eq!((measures.components, measures.euler_number, measures.degenerate_faces), (1, 2, 0), "{offset:?}");
        for (axis, points) in field.shape.into_iter().enumerate() {
            let [low, high] = [measures.bounding_box[0][axis], measures.bounding_box[1][axis]];
            assert!(low > -0.001 && high < points as f64 - 0.999, "{offset:?}: axis {axis}, {low} to {high}");
        }
        // Each inner point counts for one cell, and for a part of a cell at the boundary.
        let inside = field.values.iter().filter(|&&v| v > 0.0).count() as f64;
        assert!((measures.volume / inside - 1.0).abs() < 0.25, "{offset:?}: {} of {inside}", measures.volume);
        assert!(!measure(&field.surface(0.0)).watertight);

        let (mesh, is_cut) = closed(&band(&field), 0.0);
        let of_band = measure(&mesh);
        assert!(is_cut && of_band.watertight, "{offset:?}: {of_band:?}");
        assert!((of_band.volume - measures.volume).abs() < 1e-3 * measures.volume, "{offset:?}: {of_band:?}");
    }
}

#[test]
fn a_bar_through_the_grid_gets_two_caps() {
    let bar = Field::sample([16, 16, 40], |[x, y, _]| 4.0 - (x - 7.5).hypot(y - 7.5));
    let (mesh, is_cut) = closed(&bar, 0.0);
    let measures = measure(&mesh);
    assert!(is_cut && measures.watertight && measures.components == 1, "{measures:?}");
    assert!((measures.volume / (16.0 * std::f64::consts::PI * 39.0) - 1.0).abs() < 0.05, "{measures:?}");
}

#[test]
fn a_field_without_an_outside_or_an_inside_has_no_surface() {
    for value in [1.0, 0.0, -1.0, f32::NAN, f32::INFINITY] {
        let field = Field::sample([5, 4, 3], |_| value);
        assert_eq!(closed(&field, 0.0), (Mesh::default(), false), "all {value}");
    }
    for shape in [[0, 0, 0], [1, 5, 5], [5, 1, 5], [5, 5, 1]] {
        let field = Field::sample(shape, |[x, y, z]| x + y + z - 1.5);
        assert_eq!(closed(&field, 0.0), (Mesh::default(), false), "shape {shape:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_dense_field_gives_a_closed_surface(
        shape in (2..8_usize, 2..8_usize, prop_oneof![2..12_usize, 60..70_usize]),
        seed in prop::collection::vec(-1.0_f32..1.0, 64..200),
        level in -0.5_f32..0.5,
    ) {
        let shape = [shape.0, shape.1, shape.2];
        let mut next = seed.iter().cycle().copied().zip(seed.iter().skip(1).cycle().step_by(7)).map(|(a, b)| (a + b) / 2.0);
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| next.next().unwrap()).collect();
        let field = Field { values, shape };
        let (mesh, _) = closed(&field, level);
        let measures = measure(&mesh);
        prop_assert_eq!(measures.watertight, !mesh.is_empty(), "{:?}", measures);
        prop_assert_eq!((measures.boundary_edges, measures.degenerate_faces), (0, 0));
        prop_assert!(mesh.is_empty() || measures.volume > 0.0);
    }

    #[test]
    fn what_is_closed_already_is_not_changed(field in closed_noise()) {
        let open = extract_surface(&Grid::new(&field.values, field.shape).unwrap(), 0.0);
        prop_assert_eq!(closed(&field, 0.0), (open, false));
    }
}
