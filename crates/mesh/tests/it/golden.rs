//! Reading golden cases: tensors in `io.safetensors`, figures in `meshes.json`.

use std::path::PathBuf;

use mesh::Mesh;
use safetensors::SafeTensors;

pub(crate) struct Case {
    tensors: Vec<u8>,
    pub(crate) figures: serde_json::Value,
}

impl Case {
    pub(crate) fn read(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        Case {
            tensors: std::fs::read(folder.join("io.safetensors")).unwrap(),
            figures: serde_json::from_slice(&std::fs::read(folder.join("meshes.json")).unwrap()).unwrap(),
        }
    }

    /// A float tensor and its shape.
    pub(crate) fn floats(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let tensors = SafeTensors::deserialize(&self.tensors).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        (bytemuck::pod_collect_to_vec(tensor.data()), tensor.shape().to_vec())
    }

    fn triples<T: bytemuck::Pod>(&self, name: &str) -> Vec<[T; 3]> {
        let tensors = SafeTensors::deserialize(&self.tensors).unwrap();
        bytemuck::pod_collect_to_vec(tensors.tensor(name).unwrap().data())
    }

    pub(crate) fn mesh(&self, vertices: &str, faces: &str) -> Mesh {
        let faces = self.triples::<i32>(faces);
        Mesh { vertices: self.triples(vertices), faces: faces.into_iter().map(|f| f.map(|v| v as u32)).collect() }
    }
}

/// Whether two figures agree to within a relative tolerance.
pub(crate) fn close(actual: f64, expected: f64, relative: f64) -> bool {
    (actual - expected).abs() <= relative * expected.abs()
}
