use std::collections::BTreeSet;

use mesh::{Mesh, measure, remove_degenerate_faces, remove_floaters, weld};
use proptest::prelude::*;

use crate::golden::{Case, close};
use crate::shapes::{ball, closed_noise};

/// The faces as sets of positions, whatever the order of vertices and faces.
fn face_set(mesh: &Mesh) -> BTreeSet<[[u32; 3]; 3]> {
    let corner = |v: u32| mesh.vertices[v as usize].map(f32::to_bits);
    mesh.faces
        .iter()
        .map(|face| {
            let mut corners = face.map(corner);
            // The first corner is the smallest, the direction stays.
            let first = (0..3).min_by_key(|&i| corners[i]).unwrap();
            corners.rotate_left(first);
            corners
        })
        .collect()
}

/// Several meshes as one.
fn union(meshes: &[Mesh]) -> Mesh {
    let mut all = Mesh::default();
    for mesh in meshes {
        let first = all.vertices.len() as u32;
        all.vertices.extend(&mesh.vertices);
        all.faces.extend(mesh.faces.iter().map(|face| face.map(|v| v + first)));
    }
    all
}

/// Every triangle with its own vertices, as in an STL file.
fn shatter(mesh: &Mesh) -> Mesh {
    let vertices: Vec<[f32; 3]> = mesh.faces.iter().flatten().map(|&v| mesh.vertices[v as usize]).collect();
    let faces = (0..mesh.faces.len() as u32).map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect();
    Mesh { vertices, faces }
}

#[test]
fn floaters_match_the_reference() {
    let case = Case::read("postprocess");
    let input = case.mesh("in.vertices", "in.faces");
    let expected = case.mesh("floater.vertices", "floater.faces");
    let actual = remove_floaters(weld(&input));
    assert_eq!(face_set(&actual), face_set(&expected));
    assert_eq!(actual.vertices.len(), expected.vertices.len());

    let (figures, measures) = (&case.figures["floater"], measure(&actual));
    assert_eq!(measures.components as u64, figures["components"].as_u64().unwrap());
    assert!(close(measures.area, figures["area"].as_f64().unwrap(), 1e-6));
    assert!(close(measures.volume, figures["volume"].as_f64().unwrap(), 1e-6));

    let cleaned = remove_degenerate_faces(actual);
    let figures = &case.figures["degenerate_remover"];
    assert_eq!(cleaned.faces.len() as u64, figures["faces"].as_u64().unwrap());
    assert_eq!(cleaned.vertices.len() as u64, figures["vertices"].as_u64().unwrap());
}

/// A fan of `faces` triangles around one vertex, at this height.
fn fan(faces: u32, height: f32) -> Mesh {
    let rim = (0..=faces).map(|i| [i as f32, 1.0, height]);
    Mesh {
        vertices: std::iter::once([0.0, 0.0, height]).chain(rim).collect(),
        faces: (1..=faces).map(|i| [0, i, i + 1]).collect(),
    }
}

#[test]
fn a_floater_has_fewer_faces_than_half_a_per_cent_of_the_largest() {
    let sizes = |mesh: &Mesh| mesh.faces.len();
    assert_eq!(sizes(&remove_floaters(union(&[fan(5120, 0.0), fan(25, 1.0), fan(24, 2.0)]))), 5120 + 25);
    assert_eq!(sizes(&remove_floaters(union(&[fan(399, 0.0), fan(1, 1.0)]))), 400, "the limit is one face");
    assert_eq!(sizes(&remove_floaters(union(&[fan(400, 0.0), fan(1, 1.0)]))), 400, "the limit is two faces");
}

#[test]
fn faces_without_shared_vertices_are_no_floaters_once_welded() {
    let ball = ball(24);
    assert_eq!(face_set(&remove_floaters(weld(&shatter(&ball)))), face_set(&ball));
}

#[test]
fn degenerate_faces_are_removed_and_flat_ones_kept() {
    let mesh = Mesh {
        vertices: vec![[0.0; 3], [1.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 1.0, 0.0], [-0.0, 0.0, 0.0], [9.0; 3]],
        faces: vec![[0, 1, 3], [0, 1, 1], [0, 1, 2], [0, 4, 3], [0, 1, 3]],
    };
    let cleaned = remove_degenerate_faces(weld(&mesh));
    assert_eq!(cleaned.faces, [[0, 1, 3], [0, 1, 2], [0, 1, 3]], "flat and duplicate faces stay");
    assert_eq!(cleaned.vertices.len(), 4, "the unreferenced and the duplicate vertex are gone");
    assert_eq!(measure(&mesh).degenerate_faces, 3, "twice the same index, no area, twice the same place");
    assert_eq!(measure(&cleaned).degenerate_faces, 1);
}

#[test]
fn an_empty_mesh_stays_empty() {
    for empty in [Mesh::default(), Mesh { vertices: vec![[1.0; 3]], faces: vec![] }] {
        assert_eq!(weld(&empty), Mesh::default());
        for clean in [remove_floaters, remove_degenerate_faces] {
            assert_eq!(clean(empty.clone()), Mesh::default());
        }
    }
    let measures = measure(&Mesh::default());
    assert!(!measures.watertight);
    assert_eq!((measures.vertices, measures.faces, measures.components, measures.euler_number), (0, 0, 0, 0));
    assert_eq!((measures.area, measures.volume, measures.bounding_box), (0.0, 0.0, [[0.0; 3]; 2]));
}

#[test]
fn measures_detect_defects() {
    let whole = ball(16);
    let mut holed = whole.clone();
    holed.faces.pop();
    let measures = measure(&holed);
    assert!(!measures.watertight);
    assert_eq!((measures.boundary_edges, measures.euler_number), (3, 1));

    let mut turned = whole.clone();
    turned.faces[0].reverse();
    let measures = measure(&turned);
    assert!(!measures.watertight, "a face that looks inward");
    assert_eq!(measures.boundary_edges, 0);

    let mut inside_out = whole.clone();
    inside_out.faces.iter_mut().for_each(|face| face.reverse());
    assert!(measure(&inside_out).watertight);
    assert!(close(measure(&inside_out).volume, -measure(&whole).volume, 1e-9));
}

#[test]
fn measures_serialize_by_name() {
    let json = serde_json::to_value(measure(&ball(16))).unwrap();
    let names: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        "area boundary_edges bounding_box components degenerate_faces euler_number faces vertices volume watertight";
    assert_eq!(names, expected.split(' ').collect());
}

proptest! {
    #[test]
    fn welding_restores_the_shared_vertices(field in closed_noise()) {
        let mesh = field.surface(0.0);
        let welded = weld(&shatter(&mesh));
        prop_assert_eq!(face_set(&welded), face_set(&mesh));
        prop_assert_eq!(welded.vertices.len(), mesh.vertices.len());
        prop_assert_eq!(measure(&welded).watertight, measure(&mesh).watertight);
    }
}
