use gltf_json::accessor::{ComponentType, GenericComponentType, Type};
use gltf_json::buffer::{Target, View};
use gltf_json::material::{PbrBaseColorFactor, PbrMetallicRoughness, StrengthFactor};
use gltf_json::mesh::{Mode, Primitive, Semantic};
use gltf_json::validation::Checked::Valid;
use gltf_json::validation::USize64;
use gltf_json::{Accessor, Asset, Buffer, Index, Material, Node, Root, Scene};
use serde_json::Value;

use crate::error::Error;
use crate::mesh::Mesh;
use crate::normals::vertex_normals;

/// Writes a binary glTF 2.0: one mesh with positions, smooth normals and a plain, slightly rough material.
///
/// Indices take 16 bits where every vertex fits them.
///
/// # Errors
/// As [`Mesh::check`], and [`Error::TooLarge`] beyond the 4 GiB of the format.
pub fn glb(mesh: &Mesh) -> Result<Vec<u8>, Error> {
    mesh.check()?;
    let index_type = index_type(mesh.vertices.len());
    let normals_at = size_of_val(mesh.vertices.as_slice());
    let indices_at = 2 * normals_at;
    let length = indices_at + 3 * mesh.faces.len() * index_type.size();

    let [low, high] = mesh.bounding_box().ok_or(Error::Empty)?;
    let mut positions = accessor(0, mesh.vertices.len(), ComponentType::F32, Type::Vec3);
    positions.min = Some(Value::from(low.to_vec()));
    positions.max = Some(Value::from(high.to_vec()));
    let root = root(
        length,
        vec![
            view(0..normals_at, Some(size_of::<[f32; 3]>()), Target::ArrayBuffer),
            view(normals_at..indices_at, Some(size_of::<[f32; 3]>()), Target::ArrayBuffer),
            view(indices_at..length, None, Target::ElementArrayBuffer),
        ],
        vec![
            positions,
            accessor(1, mesh.vertices.len(), ComponentType::F32, Type::Vec3),
            accessor(2, 3 * mesh.faces.len(), index_type, Type::Scalar),
        ],
    );
    let mut file = header(serde_json::to_vec(&root).map_err(Error::Json)?, length)?;
    file.extend_from_slice(bytemuck::cast_slice(&mesh.vertices));
    file.extend_from_slice(bytemuck::cast_slice(&vertex_normals(mesh)));
    for &v in mesh.faces.iter().flatten() {
        match index_type {
            ComponentType::U16 => file.extend_from_slice(&(v as u16).to_le_bytes()),
            _ => file.extend_from_slice(&v.to_le_bytes()),
        }
    }
    file.resize(file.len().next_multiple_of(4), 0);
    Ok(file)
}

/// 65535 is not used: it is the index that restarts a primitive.
fn index_type(vertices: usize) -> ComponentType {
    if vertices <= usize::from(u16::MAX) { ComponentType::U16 } else { ComponentType::U32 }
}

fn view(range: std::ops::Range<usize>, stride: Option<usize>, target: Target) -> View {
    View {
        buffer: Index::new(0),
        byte_offset: Some(USize64::from(range.start)),
        byte_length: USize64::from(range.len()),
        byte_stride: stride.map(gltf_json::buffer::Stride),
        name: None,
        target: Some(Valid(target)),
        extensions: None,
        extras: Default::default(),
    }
}

fn accessor(view: u32, count: usize, component_type: ComponentType, kind: Type) -> Accessor {
    Accessor {
        buffer_view: Some(Index::new(view)),
        byte_offset: Some(USize64(0)),
        count: USize64::from(count),
        component_type: Valid(GenericComponentType(component_type)),
        type_: Valid(kind),
        min: None,
        max: None,
        name: None,
        normalized: false,
        sparse: None,
        extensions: None,
        extras: Default::default(),
    }
}

fn root(buffer_length: usize, buffer_views: Vec<View>, accessors: Vec<Accessor>) -> Root {
    let primitive = Primitive {
        attributes: [(Valid(Semantic::Positions), Index::new(0)), (Valid(Semantic::Normals), Index::new(1))].into(),
        indices: Some(Index::new(2)),
        material: Some(Index::new(0)),
        mode: Valid(Mode::Triangles),
        targets: None,
        extensions: None,
        extras: Default::default(),
    };
    let material = Material {
        name: Some("clay".to_owned()),
        pbr_metallic_roughness: PbrMetallicRoughness {
            base_color_factor: PbrBaseColorFactor([0.8, 0.8, 0.8, 1.0]),
            metallic_factor: StrengthFactor(0.0),
            roughness_factor: StrengthFactor(0.7),
            ..Default::default()
        },
        ..Default::default()
    };
    Root {
        asset: Asset { generator: Some("ORFEAS".to_owned()), ..Default::default() },
        accessors,
        buffers: vec![Buffer {
            byte_length: USize64::from(buffer_length),
            uri: None,
            name: None,
            extensions: None,
            extras: Default::default(),
        }],
        buffer_views,
        materials: vec![material],
        meshes: vec![gltf_json::Mesh {
            name: Some("mesh".to_owned()),
            primitives: vec![primitive],
            weights: None,
            extensions: None,
            extras: Default::default(),
        }],
        nodes: vec![Node { mesh: Some(Index::new(0)), ..Default::default() }],
        scene: Some(Index::new(0)),
        scenes: vec![Scene { nodes: vec![Index::new(0)], name: None, extensions: None, extras: Default::default() }],
        ..Default::default()
    }
}

/// A GLB up to its binary data: JSON is padded with spaces to four bytes, and the data, which follows, with zeros.
fn header(mut json: Vec<u8>, data: usize) -> Result<Vec<u8>, Error> {
    json.resize(json.len().next_multiple_of(4), b' ');
    let data = data.next_multiple_of(4);
    let length = 12 + 8 + json.len() + 8 + data;
    let total = u32::try_from(length).map_err(|_| Error::TooLarge { format: "GLB" })?;
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(b"glTF");
    for number in [2, total] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    // Each length is below the total, which fits.
    file.extend_from_slice(&(json.len() as u32).to_le_bytes());
    file.extend_from_slice(b"JSON");
    file.extend_from_slice(&json);
    file.extend_from_slice(&(data as u32).to_le_bytes());
    file.extend_from_slice(b"BIN\0");
    Ok(file)
}
