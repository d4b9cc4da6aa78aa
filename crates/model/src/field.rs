use mesh::{Grid, Mesh};
use std::borrow::Cow;

/// A scalar field on a lattice, in main memory; positive inside the shape, and zero at its surface.
#[derive(Clone, Debug)]
pub struct Field {
    /// The values.
    pub values: Values,
    /// Lattice points per axis.
    pub shape: [usize; 3],
    /// The box between the first and the last lattice point.
    pub bounds: Bounds,
    /// The octree resolution that was asked for. A decoder may use a slightly coarser lattice.
    pub octree_resolution: u32,
}

/// The values of a field. A lattice is row-major, with z fastest.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// One value for each lattice point; NaN where the field was not evaluated.
    Dense(Vec<f32>),
    /// The points that were evaluated, and their values. It takes a small part of the memory of the whole lattice.
    Sparse {
        /// Row-major indices of the points, in any order.
        index: Vec<u32>,
        /// The value at each of them.
        values: Vec<f32>,
    },
}

/// An axis-aligned box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest x, y, z.
    pub min: [f32; 3],
    /// Largest x, y, z.
    pub max: [f32; 3],
}

impl Bounds {
    /// The cube [-half, half]^3.
    pub const fn cube(half: f32) -> Bounds {
        Bounds { min: [-half; 3], max: [half; 3] }
    }
}

impl Default for Bounds {
    /// [-1.01, 1.01]^3, the box of the released Hunyuan3D models.
    fn default() -> Bounds {
        Bounds::cube(1.01)
    }
}

/// How lattice indices become coordinates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VertexMapping {
    /// As the released Hunyuan3D software does: index / (octree resolution + 1) of the box. The mesh is smaller by one
    /// part in R + 1, and shifted by half a cell towards the lower corner of the box.
    #[default]
    Reference,
    /// Index / (lattice points - 1) of the box: the first and the last point lie on its faces.
    Corrected,
}

impl Field {
    /// One value for each lattice point, NaN where the field was not evaluated.
    pub fn dense(&self) -> Cow<'_, [f32]> {
        match &self.values {
            Values::Dense(values) => Cow::Borrowed(values),
            Values::Sparse { index, values } => {
                let mut lattice = vec![f32::NAN; self.shape.iter().product()];
                for (&at, &value) in index.iter().zip(values) {
                    lattice[at as usize] = value;
                }
                Cow::Owned(lattice)
            }
        }
    }

    /// The surface where the field crosses `level`, oriented outward; empty if it does not cross. The surface is open
    /// where the field is positive at the boundary of the box.
    pub fn to_mesh(&self, level: f32, mapping: VertexMapping) -> Mesh {
        let mesh = mesh::extract_surface(&Grid { values: &self.dense(), shape: self.shape }, level);
        self.placed(mesh, mapping)
    }

    /// As [`Field::to_mesh`], but closed at the boundary of the box. The second value says whether that was needed.
    pub fn to_closed_mesh(&self, level: f32, mapping: VertexMapping) -> (Mesh, bool) {
        let (mesh, is_cut) = mesh::extract_closed_surface(&Grid { values: &self.dense(), shape: self.shape }, level);
        (self.placed(mesh, mapping), is_cut)
    }

    /// Moves a mesh from lattice indices to coordinates.
    fn placed(&self, mut mesh: Mesh, mapping: VertexMapping) -> Mesh {
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
        let values = Values::Dense((0..n * n * n).map(|i| edge - (i / n / n) as f32).collect());
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
    fn a_sparse_field_has_the_surface_of_the_dense_one() {
        let dense = wall(6, 2.5, 5);
        // Points of the layers 1 to 4, last first; the layers beside them do not touch the surface.
        let index: Vec<u32> = (36..180).rev().collect();
        let values = index.iter().map(|&i| dense.dense()[i as usize]).collect();
        let sparse = Field { values: Values::Sparse { index, values }, ..dense.clone() };
        assert!(sparse.dense()[..36].iter().all(|value| value.is_nan()));
        let mapping = VertexMapping::Corrected;
        assert_eq!(sparse.to_mesh(0.0, mapping), dense.to_mesh(0.0, mapping));
    }

    #[test]
    fn a_surface_that_the_box_cuts_is_closed_there() {
        let field = wall(6, 2.5, 5);
        assert!(!mesh::measure(&field.to_mesh(0.0, VertexMapping::Corrected)).watertight);
        let (mesh, is_cut) = field.to_closed_mesh(0.0, VertexMapping::Corrected);
        assert!(is_cut && mesh::measure(&mesh).watertight);
    }

    #[test]
    fn a_field_that_does_not_cross_the_level_has_no_surface() {
        assert!(wall(4, 10.0, 3).to_mesh(0.0, VertexMapping::default()).is_empty());
        let nothing = Field { values: Values::Sparse { index: Vec::new(), values: Vec::new() }, ..wall(3, 0.0, 2) };
        assert!(nothing.to_mesh(0.0, VertexMapping::default()).is_empty());
    }
}
