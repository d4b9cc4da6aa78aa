use crate::vector::{Vector, dot};

/// A sum of weighted squared distances from planes and points (Garland and Heckbert), as a function of position.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quadric {
    /// Upper triangle of the matrix: xx, xy, xz, yy, yz, zz.
    matrix: [f64; 6],
    linear: Vector,
    constant: f64,
}

impl Quadric {
    /// Squared distance from the plane with a unit normal through a point.
    pub(super) fn plane([x, y, z]: Vector, through: Vector, weight: f64) -> Self {
        let offset = -dot([x, y, z], through);
        Quadric {
            matrix: [x * x, x * y, x * z, y * y, y * z, z * z].map(|m| m * weight),
            linear: [x, y, z].map(|c| c * offset * weight),
            constant: offset * offset * weight,
        }
    }

    /// Squared distance from a point.
    pub(super) fn point(at: Vector, weight: f64) -> Self {
        Quadric {
            matrix: [weight, 0.0, 0.0, weight, 0.0, weight],
            linear: at.map(|c| -c * weight),
            constant: dot(at, at) * weight,
        }
    }

    pub(super) fn add(&mut self, other: &Quadric) {
        for (sum, m) in self.matrix.iter_mut().zip(other.matrix) {
            *sum += m;
        }
        for (sum, c) in self.linear.iter_mut().zip(other.linear) {
            *sum += c;
        }
        self.constant += other.constant;
    }

    /// The value at a position; rounding does not make it negative.
    pub(super) fn at(&self, [x, y, z]: Vector) -> f64 {
        let [xx, xy, xz, yy, yz, zz] = self.matrix;
        let squares = xx * x * x + yy * y * y + zz * z * z + 2.0 * (xy * x * y + xz * x * z + yz * y * z);
        (squares + 2.0 * dot(self.linear, [x, y, z]) + self.constant).max(0.0)
    }

    /// The position of the least value, unless there are many.
    pub(super) fn minimum(&self) -> Option<Vector> {
        let [xx, xy, xz, yy, yz, zz] = self.matrix;
        let (cxx, cxy, cxz) = (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy);
        let determinant = xx * cxx + xy * cxy + xz * cxz;
        // Against the size of the matrix, so that the scale of the mesh does not matter.
        let size = (xx + yy + zz) / 3.0;
        if determinant.is_nan() || determinant <= 1e-12 * size * size * size {
            return None;
        }
        let (cyy, cyz, czz) = (xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy);
        let [bx, by, bz] = self.linear.map(|c| -c / determinant);
        Some([cxx * bx + cxy * by + cxz * bz, cxy * bx + cyy * by + cyz * bz, cxz * bx + cyz * by + czz * bz])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn three_planes_meet_at_the_minimum() {
        let corner = [1.0, -2.0, 3.0];
        let mut quadric = Quadric::plane([1.0, 0.0, 0.0], corner, 2.0);
        assert!(quadric.minimum().is_none(), "one plane has no single nearest point");
        quadric.add(&Quadric::plane([0.0, 0.6, 0.8], corner, 1.0));
        quadric.add(&Quadric::plane([0.0, 0.8, -0.6], corner, 0.5));
        let minimum = quadric.minimum().unwrap();
        assert!((0..3).all(|i| (minimum[i] - corner[i]).abs() < 1e-12), "{minimum:?}");
        assert!(quadric.at(corner) < 1e-12);
        assert!((quadric.at([2.0, -2.0, 3.0]) - 2.0).abs() < 1e-12, "one off the first plane");
    }

    #[test]
    fn two_points_are_nearest_to_their_weighted_mean() {
        let mut quadric = Quadric::point([0.0; 3], 1.0);
        quadric.add(&Quadric::point([4.0, 0.0, 0.0], 3.0));
        assert_eq!(quadric.minimum(), Some([3.0, 0.0, 0.0]));
        assert_eq!(quadric.at([3.0, 0.0, 0.0]), 12.0);
    }
}
