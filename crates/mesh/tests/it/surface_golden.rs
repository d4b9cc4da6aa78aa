use mesh::{Grid, Mesh, extract_surface, measure, to_world};

use crate::golden::{Case, close};

const BOUND: f32 = 1.01;

/// Extracts a case's surface with the reference's world mapping. `None` where it is expected exactly.
fn extract(case: &Case, name: &str) -> (Mesh, Mesh) {
    let figures = &case.figures[name];
    let (values, shape) = case.floats(&format!("{name}.field"));
    let level = figures["mc_level"].as_f64().unwrap() as f32;
    let mut actual = extract_surface(&Grid::new(&values, [shape[0], shape[1], shape[2]]).unwrap(), level);
    let points = figures["octree_resolution"].as_f64().unwrap() as f32 + 1.0;
    to_world(&mut actual, [2.0 * BOUND / points; 3], [-BOUND; 3]);

    let mut expected = case.mesh(&format!("{name}.vertices"), &format!("{name}.faces_raw"));
    for face in &mut expected.faces {
        face.reverse();
    }
    (actual, expected)
}

fn farthest(from: &Mesh, to: &Mesh) -> f32 {
    let distance = |a: [f32; 3], b: [f32; 3]| (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt();
    let nearest = |a| to.vertices.iter().map(|&b| distance(a, b)).fold(f32::INFINITY, f32::min);
    from.vertices.iter().map(|&a| nearest(a)).fold(0.0, f32::max)
}

#[test]
fn smooth_fields_match_the_reference() {
    let case = Case::read("marching-cubes");
    for name in ["ellipsoid", "two_spheres", "open_at_border"] {
        let (actual, expected) = extract(&case, name);
        assert_eq!(actual.vertices.len(), expected.vertices.len(), "{name}");
        assert_eq!(actual.faces.len(), expected.faces.len(), "{name}");
        assert!(farthest(&actual, &expected) <= 1e-5, "{name}: {}", farthest(&actual, &expected));
        assert!(farthest(&expected, &actual) <= 1e-5, "{name}");

        let (figures, measures) = (&case.figures[name], measure(&actual));
        assert_eq!(measures.watertight, figures["watertight"].as_bool().unwrap(), "{name}");
        assert_eq!(measures.euler_number, figures["euler"].as_i64().unwrap(), "{name}");
        assert_eq!(measures.components as u64, figures["components"].as_u64().unwrap(), "{name}");
        assert!(close(measures.area, figures["area"].as_f64().unwrap(), 1e-4), "{name}: area {}", measures.area);
        let volume = figures["signed_volume"].as_f64().unwrap();
        assert!(close(measures.volume, volume, 1e-4), "{name}: volume {}", measures.volume);
    }
}

/// Cells with two ways to be cut: the reference also tests their interior, so the figures may differ a little.
#[test]
fn noise_is_close_to_the_reference() {
    let case = Case::read("marching-cubes");
    let (actual, expected) = extract(&case, "noise_ambiguous");
    let (figures, measures) = (&case.figures["noise_ambiguous"], measure(&actual));
    assert!(close(actual.faces.len() as f64, expected.faces.len() as f64, 0.05), "{} faces", actual.faces.len());
    assert!(close(measures.area, figures["area"].as_f64().unwrap(), 0.03), "area {}", measures.area);
    assert_eq!(measures.euler_number, figures["euler"].as_i64().unwrap());
}

/// The measures themselves, on the reference's meshes.
#[test]
fn measures_match_the_reference() {
    let case = Case::read("marching-cubes");
    for name in ["ellipsoid", "two_spheres", "open_at_border", "noise_ambiguous"] {
        let (_, expected) = extract(&case, name);
        let (figures, measures) = (&case.figures[name], measure(&expected));
        assert_eq!(measures.watertight, figures["watertight"].as_bool().unwrap(), "{name}");
        assert_eq!(measures.euler_number, figures["euler"].as_i64().unwrap(), "{name}");
        assert_eq!(measures.components as u64, figures["components"].as_u64().unwrap(), "{name}");
        assert!(close(measures.area, figures["area"].as_f64().unwrap(), 1e-6), "{name}: area {}", measures.area);
        for (corner, corner_of_case) in measures.bounding_box.iter().zip(figures["bounds"].as_array().unwrap()) {
            for axis in 0..3 {
                assert!((corner[axis] - corner_of_case[axis].as_f64().unwrap()).abs() < 1e-6, "{name}");
            }
        }
    }
}
