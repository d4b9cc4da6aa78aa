use crate::error::Error;

/// An indexed triangle mesh: counter-clockwise triangles seen from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mesh {
    /// Positions, x y z.
    pub vertices: Vec<[f32; 3]>,
    /// Triangles, as indices into `vertices`.
    pub faces: Vec<[u32; 3]>,
}

impl Mesh {
    /// Whether there are no faces. Vertices alone are no surface.
    pub fn is_empty(&self) -> bool {
        self.faces.is_empty()
    }

    /// The three corners of a face, in double precision.
    pub(crate) fn corners(&self, face: [u32; 3]) -> [[f64; 3]; 3] {
        face.map(|v| self.vertices[v as usize].map(f64::from))
    }

    /// Whether the mesh can be written or rendered: it has a face, finite vertices, and no index out of range.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NotFinite`] or [`Error::FaceIndex`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_empty() {
            return Err(Error::Empty);
        }
        if let Some(vertex) = self.vertices.iter().position(|v| !v.iter().all(|c| c.is_finite())) {
            return Err(Error::NotFinite { vertex });
        }
        let vertices = self.vertices.len();
        match self.faces.iter().position(|f| f.iter().any(|&v| v as usize >= vertices)) {
            Some(face) => Err(Error::FaceIndex { face, vertices }),
            None => Ok(()),
        }
    }

    /// Smallest and largest corner over all vertices; `None` without vertices.
    pub fn bounding_box(&self) -> Option<[[f32; 3]; 2]> {
        let first = *self.vertices.first()?;
        Some(self.vertices.iter().fold([first, first], |[low, high], v| {
            [std::array::from_fn(|i| low[i].min(v[i])), std::array::from_fn(|i| high[i].max(v[i]))]
        }))
    }

    /// Drops vertices that no face names; the others keep their order.
    pub(crate) fn drop_unreferenced(&mut self) {
        const UNSEEN: u32 = u32::MAX;
        let mut new_index = vec![UNSEEN; self.vertices.len()];
        for &v in self.faces.iter().flatten() {
            new_index[v as usize] = 0;
        }
        let mut kept = 0_u32;
        let mut old = 0;
        self.vertices.retain(|_| {
            let keep = new_index[old] != UNSEEN;
            if keep {
                new_index[old] = kept;
                kept += 1;
            }
            old += 1;
            keep
        });
        for v in self.faces.iter_mut().flatten() {
            *v = new_index[*v as usize];
        }
    }
}

/// Moves a mesh from grid indices to the world: `v * scale + offset` per axis, rounded once.
///
/// With a bound b, the reference mapping (specification section 13) for a *requested* octree resolution R is
/// `scale = 2b / (R + 1)`, `offset = -b`; the corrected one for a grid of n points is `scale = 2b / (n - 1)`.
/// A mirroring scale reverses the faces, so that they stay oriented outward.
pub fn to_world(mesh: &mut Mesh, scale: [f32; 3], offset: [f32; 3]) {
    for vertex in &mut mesh.vertices {
        for axis in 0..3 {
            vertex[axis] = (f64::from(vertex[axis]) * f64::from(scale[axis]) + f64::from(offset[axis])) as f32;
        }
    }
    if scale.iter().product::<f32>() < 0.0 {
        for face in &mut mesh.faces {
            face.swap(1, 2);
        }
    }
}
