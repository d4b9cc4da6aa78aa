//! Metrics of a mesh against the true shape: volumetric IoU, F-score and Chamfer distance.

use mesh::Mesh;

/// Cells per side of the occupancy grid over [-1, 1].
pub(crate) const SIDE: usize = 64;

/// Centre of cell `i` along an axis.
fn centre(i: usize) -> f64 {
    (i as f64 + 0.5) * 2.0 / SIDE as f64 - 1.0
}

/// Which of the 64^3 cell centres lie inside a closed mesh, x slowest: parity of the crossings along z.
pub(crate) fn occupancy(mesh: &Mesh) -> Vec<bool> {
    // Columns are shifted off the grid by a small irregular offset, so that no ray meets an edge of an axis-aligned mesh.
    const HAIR: (f64, f64) = (3.1e-6, 7.7e-6);
    let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); SIDE * SIDE];
    for face in &mesh.faces {
        let [a, b, c] = face.map(|v| mesh.vertices[v as usize].map(f64::from));
        let span = |axis: usize| {
            let (low, high) = (a[axis].min(b[axis]).min(c[axis]), a[axis].max(b[axis]).max(c[axis]));
            let cell = |v: f64| ((v + 1.0) * SIDE as f64 / 2.0 - 0.5).clamp(-1.0, SIDE as f64);
            (cell(low).floor().max(0.0) as usize)..((cell(high).ceil() as usize + 1).min(SIDE))
        };
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
        if area == 0.0 {
            continue;
        }
        for i in span(0) {
            for j in span(1) {
                let (x, y) = (centre(i) + HAIR.0, centre(j) + HAIR.1);
                let u = ((x - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (y - a[1])) / area;
                let v = ((b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1])) / area;
                if u >= 0.0 && v >= 0.0 && u + v <= 1.0 {
                    crossings[i * SIDE + j].push(a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2]));
                }
            }
        }
    }
    let mut inside = vec![false; SIDE * SIDE * SIDE];
    for (column, heights) in crossings.iter().enumerate() {
        for k in 0..SIDE {
            inside[column * SIDE + k] = heights.iter().filter(|&&z| z < centre(k)).count() % 2 == 1;
        }
    }
    inside
}

/// Intersection over union of two occupancies.
pub(crate) fn iou(a: &[bool], b: &[bool]) -> f64 {
    let both = a.iter().zip(b).filter(|(a, b)| **a && **b).count();
    let either = a.iter().zip(b).filter(|(a, b)| **a || **b).count();
    both as f64 / either.max(1) as f64
}

/// `count` points spread over the mesh by area, from a fixed low-discrepancy sequence.
pub(crate) fn surface_points(mesh: &Mesh, count: usize) -> Vec<[f32; 3]> {
    let corners = |face: &[u32; 3]| face.map(|v| mesh.vertices[v as usize].map(f64::from));
    let area = |[a, b, c]: [[f64; 3]; 3]| {
        let (u, v) = ([0, 1, 2].map(|i| b[i] - a[i]), [0, 1, 2].map(|i| c[i] - a[i]));
        let n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
        n.iter().map(|x| x * x).sum::<f64>().sqrt() / 2.0
    };
    let total: f64 = mesh.faces.iter().map(|face| area(corners(face))).sum();
    let (mut points, mut passed) = (Vec::with_capacity(count), 0.0);
    for face in &mesh.faces {
        let [a, b, c] = corners(face);
        passed += area([a, b, c]);
        while (points.len() as f64 + 0.5) / count as f64 * total < passed && points.len() < count {
            // The R2 sequence: generalised golden ratios.
            let n = points.len() as f64;
            let (mut u, mut v) = ((0.5 + n * 0.754_877_666_246_693).fract(), (0.5 + n * 0.569_840_290_998_053).fract());
            if u + v > 1.0 {
                (u, v) = (1.0 - u, 1.0 - v);
            }
            points.push([0, 1, 2].map(|i| (a[i] + u * (b[i] - a[i]) + v * (c[i] - a[i])) as f32));
        }
    }
    points
}

/// F-score at `threshold` and the symmetric Chamfer distance (mean of the two mean distances).
pub(crate) fn f_score_and_chamfer(a: &[[f32; 3]], b: &[[f32; 3]], threshold: f32) -> (f64, f64) {
    let (ab, ba) = (distances(a, b), distances(b, a));
    let within = |d: &[f32]| d.iter().filter(|&&d| d < threshold).count() as f64 / d.len().max(1) as f64;
    let mean = |d: &[f32]| d.iter().map(|&d| f64::from(d)).sum::<f64>() / d.len().max(1) as f64;
    let (precision, recall) = (within(&ab), within(&ba));
    let f = if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
    (f, (mean(&ab) + mean(&ba)) / 2.0)
}

/// From each point to the nearest of others. All pairs: 10^8 of them take a tenth of a second.
fn distances(from: &[[f32; 3]], to: &[[f32; 3]]) -> Vec<f32> {
    let [x, y, z] = [0, 1, 2].map(|axis| to.iter().map(|point| point[axis]).collect::<Vec<f32>>());
    let nearest = |p: &[f32; 3]| {
        let squares = (0..to.len()).map(|i| (x[i] - p[0]).powi(2) + (y[i] - p[1]).powi(2) + (z[i] - p[2]).powi(2));
        squares.fold(f32::INFINITY, f32::min).sqrt()
    };
    from.iter().map(nearest).collect()
}
