//! Surface extraction: marching cubes on a grid of bits.
//!
//! Inside-or-outside is one bit per grid point, packed along z. Everything that depends on it alone, which cells the
//! surface passes and which number an edge's vertex has, is then bit arithmetic on whole words, so that the cost of a
//! grid is one pass over its values plus work for the cells near the surface.

mod closed;
mod diagonals;
mod extract;
mod rows;
mod table;

pub use closed::extract_closed_surface;
pub use extract::extract_surface;

use crate::error::Error;

/// A scalar field sampled on a regular grid.
#[derive(Debug, Clone, Copy)]
pub struct Grid<'a> {
    /// Values `[x, y, z]` row-major, z fastest. A value that is not finite was not evaluated.
    pub values: &'a [f32],
    /// Points along x, y and z.
    pub shape: [usize; 3],
}

impl<'a> Grid<'a> {
    /// A grid whose number of values fits its shape.
    ///
    /// # Errors
    /// [`Error::GridShape`] if it does not.
    pub fn new(values: &'a [f32], shape: [usize; 3]) -> Result<Self, Error> {
        let grid = Grid { values, shape };
        if grid.is_sound() { Ok(grid) } else { Err(Error::GridShape { shape, values: values.len() }) }
    }

    /// The value at a point.
    fn at(&self, [x, y, z]: [usize; 3]) -> f32 {
        self.values[(x * self.shape[1] + y) * self.shape[2] + z]
    }

    fn is_sound(&self) -> bool {
        let points = self.shape.iter().try_fold(1_usize, |points, &n| points.checked_mul(n));
        points == Some(self.values.len())
    }
}
