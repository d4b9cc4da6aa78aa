/// What the calls of a model take for one row. Estimates: within a factor of two is good enough.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// [`Model::encode`](crate::Model::encode).
    pub encode: Work,
    /// One [`Model::step`](crate::Model::step).
    pub step: Work,
    /// [`Model::decode`](crate::Model::decode).
    pub decode: Work,
    /// Main memory that the extraction of the surface takes, in bytes.
    pub field_bytes: u64,
}

/// What one call takes for one row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Floating point operations.
    pub flops: f64,
    /// Memory of the device beside the weights, in bytes.
    pub bytes: u64,
}
