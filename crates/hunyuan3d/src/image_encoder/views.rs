use tch::{Kind, Tensor};

/// Sines, then cosines, of the row number at frequencies `10000^(-j / (dim / 2))` (section 6.3): [rows, dim], float32.
pub(super) fn table(rows: i64, dim: i64) -> Tensor {
    let half = dim / 2;
    let angle = |row: i64, j: i64| row as f64 * 10_000f64.powf(-(j as f64) / half as f64);
    let mut values = Vec::with_capacity((rows * dim) as usize);
    for row in 0..rows {
        values.extend((0..half).map(|j| angle(row, j).sin()));
        values.extend((0..half).map(|j| angle(row, j).cos()));
    }
    Tensor::from_slice(&values).view([rows, 2 * half]).to_kind(Kind::Float)
}
