//! A decoded scalar field and its surface.

use mesh::{Grid, Mesh};

use super::bounds::Bounds;

/// A scalar field on a lattice, on the CPU; positive inside.
#[derive(Clone, Debug)]
pub struct Field {
    /// Logits, row-major with z fastest; NaN where the decoder did not look because no surface is near.
    pub values: Vec<f32>,
    /// Lattice points per axis.
    pub shape: [usize; 3],
    /// The box between the first and the last lattice point.
    pub bounds: Bounds,
    /// The octree resolution that was asked for; the FlashVDM decoder's lattice is usually a little coarser.
    pub octree_resolution: u32,
}

/// How lattice indices become world coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VertexMapping {
    /// As the reference does (specification section 13): index / (requested resolution + 1) of the box, which shrinks
    /// the mesh by one part in R + 1 and moves it towards the box's lower corner.
    #[default]
    Reference,
    /// Index / (lattice points - 1) of the box: the surface lies where the field has it.
    Corrected,
}

impl Field {
    /// The surface where the field crosses `level`, wound to look outward; empty if it does not cross. Open where the
    /// field is positive at the border of the box.
    pub fn to_mesh(&self, level: f32, mapping: VertexMapping) -> Mesh {
        let mut mesh = mesh::extract_surface(&Grid { values: &self.values, shape: self.shape }, level);
        let (min, max) = (self.bounds.min.map(f64::from), self.bounds.max.map(f64::from));
        let steps: [f64; 3] = match mapping {
            VertexMapping::Reference => [f64::from(self.octree_resolution) + 1.0; 3],
            VertexMapping::Corrected => self.shape.map(|points| points as f64 - 1.0),
        };
        for vertex in &mut mesh.vertices {
            for axis in 0..3 {
                let position = f64::from(vertex[axis]) / steps[axis];
                vertex[axis] = (position * (max[axis] - min[axis]) + min[axis]) as f32;
            }
        }
        mesh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of n^3 points that is positive for x below `edge`, in index coordinates.
    fn wall(n: usize, edge: f32, octree_resolution: u32) -> Field {
        let values = (0..n * n * n).map(|i| edge - (i / n / n) as f32).collect();
        Field { values, shape: [n; 3], bounds: Bounds::cube(1.0), octree_resolution }
    }

    #[test]
    fn mappings_place_the_surface() {
        let field = wall(5, 1.5, 7);
        for (mapping, x) in [(VertexMapping::Reference, 1.5 / 8.0 * 2.0 - 1.0), (VertexMapping::Corrected, -0.25)] {
            let mesh = field.to_mesh(0.0, mapping);
            assert!(!mesh.is_empty() && mesh.vertices.iter().all(|v| (v[0] - x).abs() < 1e-6));
        }
    }

    #[test]
    fn a_field_that_does_not_cross_the_level_has_no_surface() {
        assert!(wall(4, 10.0, 3).to_mesh(0.0, VertexMapping::default()).is_empty());
        let nothing = Field { values: vec![f32::NAN; 27], ..wall(3, 0.0, 2) };
        assert!(nothing.to_mesh(0.0, VertexMapping::default()).is_empty());
    }
}
