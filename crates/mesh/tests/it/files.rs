//! Files, read back by other libraries.

use std::io::Cursor;

use mesh::{Error, Mesh, measure, weld, write};
use proptest::prelude::*;

use crate::shapes::{ball, closed_noise};

type Writer = fn(&Mesh) -> Result<Vec<u8>, Error>;

/// A mesh and its normals, as read.
type Read = (Mesh, Vec<[f32; 3]>);

fn read_glb(file: &[u8]) -> Read {
    let (document, buffers, _) = gltf::import_slice(file).unwrap();
    let primitive = document.meshes().next().unwrap().primitives().next().unwrap();
    let reader = primitive.reader(|buffer| Some(&buffers[buffer.index()]));
    let indices: Vec<u32> = reader.read_indices().unwrap().into_u32().collect();
    let mesh = Mesh {
        vertices: reader.read_positions().unwrap().collect(),
        faces: indices.chunks_exact(3).map(|face| [face[0], face[1], face[2]]).collect(),
    };
    (mesh, reader.read_normals().unwrap().collect())
}

fn triples<T: Copy>(flat: &[T]) -> Vec<[T; 3]> {
    flat.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect()
}

fn read_obj(file: &[u8]) -> Read {
    let options = tobj::LoadOptions { single_index: true, ..Default::default() };
    let no_materials = |_: &std::path::Path| Err(tobj::LoadError::GenericFailure);
    let (models, _) = tobj::load_obj_buf(&mut Cursor::new(file), &options, no_materials).unwrap();
    assert_eq!(models.len(), 1);
    let model = &models[0].mesh;
    (Mesh { vertices: triples(&model.positions), faces: triples(&model.indices) }, triples(&model.normals))
}

/// The normals are those of the faces.
fn read_stl(file: &[u8]) -> Read {
    let mut triangles =
        stl_io::create_stl_reader(&mut Cursor::new(file)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let normals = triangles.iter().map(|triangle| triangle.normal.0).collect();
    let vertices = triangles.iter_mut().flat_map(|triangle| triangle.vertices.map(|v| v.0)).collect();
    let faces = (0..triangles.len() as u32).map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect();
    (Mesh { vertices, faces }, normals)
}

/// The positions of all corners of all faces, in order.
fn soup(mesh: &Mesh) -> Vec<[f32; 3]> {
    mesh.faces.iter().flatten().map(|&v| mesh.vertices[v as usize]).collect()
}

fn is_unit([x, y, z]: [f32; 3]) -> bool {
    ((x * x + y * y + z * z).sqrt() - 1.0).abs() < 1e-5
}

#[test]
fn a_ball_survives_every_format() {
    let ball = ball(32);
    for (mesh, normals) in [read_glb(&write::glb(&ball).unwrap()), read_obj(&write::obj(&ball).unwrap())] {
        // The OBJ reader renumbers vertices by first use.
        assert!(soup(&mesh) == soup(&ball) && mesh.vertices.len() == ball.vertices.len());
        // On a ball around the origin a normal has the direction of its vertex.
        for (vertex, normal) in mesh.vertices.iter().zip(normals) {
            let cosine: f32 = (0..3).map(|i| vertex[i] * normal[i]).sum();
            assert!(cosine > 0.99, "normal {normal:?} at {vertex:?}");
        }
    }
    let (mesh, normals) = read_stl(&write::stl(&ball).unwrap());
    assert_eq!(soup(&mesh), soup(&ball));
    assert!(normals.into_iter().all(is_unit));
    assert!(measure(&weld(&mesh)).watertight);
}

#[test]
fn a_glb_describes_its_content() {
    let ball = ball(16);
    let file = write::glb(&ball).unwrap();
    assert_eq!(file.len() % 4, 0);
    let gltf = gltf::Gltf::from_slice(&file).unwrap();
    assert_eq!(gltf.document.as_json().asset.generator.as_deref(), Some("ORFEAS"));
    assert_eq!(gltf.document.as_json().asset.version, "2.0");
    let primitive = gltf.meshes().next().unwrap().primitives().next().unwrap();
    let bounds = primitive.bounding_box();
    assert_eq!(Some([bounds.min, bounds.max]), ball.bounding_box());
    let pbr = primitive.material().pbr_metallic_roughness();
    assert_eq!(pbr.metallic_factor(), 0.0);
    assert!(primitive.material().index().is_some());
    assert_eq!(gltf.scenes().next().unwrap().nodes().count(), 1);
}

/// The index 65535 means primitive restart and must not occur.
#[test]
fn indices_have_32_bits_where_needed() {
    use gltf::accessor::DataType;
    for (vertices, expected) in [(3, DataType::U16), (65_535, DataType::U16), (65_536, DataType::U32)] {
        let mesh = Mesh {
            vertices: (0..vertices).map(|i| [i as f32, (i % 7) as f32, 0.0]).collect(),
            faces: vec![[0, 1, vertices - 1]],
        };
        let file = write::glb(&mesh).unwrap();
        let gltf = gltf::Gltf::from_slice(&file).unwrap();
        let primitive = gltf.meshes().next().unwrap().primitives().next().unwrap();
        assert_eq!(primitive.indices().unwrap().data_type(), expected);
        assert!(read_glb(&file).0 == mesh);
    }
}

#[test]
fn writers_are_found_by_name() {
    let ball = ball(12);
    for (name, writer) in [("glb", write::glb as Writer), ("obj", write::obj), ("stl", write::stl)] {
        assert_eq!(write::writer(name).unwrap()(&ball).unwrap(), writer(&ball).unwrap());
    }
    for unknown in ["", "GLB", "fbx"] {
        assert!(write::writer(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn invalid_meshes_are_not_written() {
    let broken =
        |vertex: [f32; 3], face: [u32; 3]| Mesh { vertices: vec![[0.0; 3], [1.0; 3], vertex], faces: vec![face] };
    for write in [write::glb, write::obj, write::stl] as [Writer; 3] {
        assert!(matches!(write(&Mesh::default()), Err(Error::Empty)));
        assert!(matches!(write(&Mesh { vertices: vec![[0.0; 3]], faces: vec![] }), Err(Error::Empty)));
        assert!(matches!(write(&broken([0.0, f32::NAN, 0.0], [0, 1, 2])), Err(Error::NotFinite { vertex: 2 })));
        assert!(matches!(write(&broken([0.0; 3], [0, 1, 3])), Err(Error::FaceIndex { face: 0, vertices: 3 })));
    }
}

/// Arbitrary triangles, with faces without area and vertices without faces.
fn any_mesh() -> impl Strategy<Value = Mesh> {
    let number = prop_oneof![-1.0e3_f32..1.0e3, Just(0.0), -1.0e-6_f32..1.0e-6];
    let vertices = prop::collection::vec([number.clone(), number.clone(), number], 1..40);
    vertices.prop_flat_map(|vertices| {
        let index = 0..vertices.len() as u32;
        let faces = prop::collection::vec([index.clone(), index.clone(), index], 1..60);
        faces.prop_map(move |faces| Mesh { vertices: vertices.clone(), faces })
    })
}

proptest! {
    #[test]
    fn every_mesh_survives_glb_and_obj(mesh in prop_oneof![any_mesh(), closed_noise().prop_map(|f| f.surface(0.0))]) {
        prop_assume!(!mesh.is_empty());
        let (from_glb, normals) = read_glb(&write::glb(&mesh).unwrap());
        prop_assert_eq!(&from_glb, &mesh);
        prop_assert_eq!(normals.len(), mesh.vertices.len());
        prop_assert!(normals.into_iter().all(is_unit));
        let (from_obj, normals) = read_obj(&write::obj(&mesh).unwrap());
        prop_assert_eq!(soup(&from_obj), soup(&mesh));
        prop_assert!(normals.into_iter().all(is_unit));
    }

    #[test]
    fn every_mesh_survives_stl(mesh in any_mesh()) {
        let file = write::stl(&mesh).unwrap();
        prop_assert_eq!(file.len(), 84 + 50 * mesh.faces.len());
        prop_assert_eq!(soup(&read_stl(&file).0), soup(&mesh));
    }
}
