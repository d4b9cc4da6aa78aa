//! Vector operations in double precision.

pub(crate) type Vector = [f64; 3];

pub(crate) fn sub(a: Vector, b: Vector) -> Vector {
    std::array::from_fn(|i| a[i] - b[i])
}

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// The unit vector of `a`; `None` for zero (or NaN).
pub(crate) fn unit(a: Vector) -> Option<Vector> {
    let length = norm(a);
    (length > 0.0).then(|| a.map(|c| c / length))
}
