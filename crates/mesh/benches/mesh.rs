//! Benchmarks of the hot functions, on a shape with about the surface of a generated object.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mesh::{Grid, Mesh, extract_surface, measure, remove_floaters, simplify, thumbnail, to_world, write};

/// A wavy ball that fills most of a cube of `points` per side.
fn field(points: usize) -> Vec<f32> {
    let step = 2.0 / (points - 1) as f32;
    (0..points.pow(3))
        .map(|i| {
            let [x, y, z] = [i / (points * points), i / points % points, i % points].map(|c| c as f32 * step - 1.0);
            let waves = 0.06 * ((9.0 * x).sin() + (11.0 * y).sin() + (10.0 * z).sin());
            0.72 + waves - (x * x + y * y + z * z).sqrt()
        })
        .collect()
}

fn surface(points: usize) -> Mesh {
    let mut mesh = extract_surface(&Grid { values: &field(points), shape: [points; 3] }, 0.0);
    to_world(&mut mesh, [2.0 / (points - 1) as f32; 3], [-1.0; 3]);
    mesh
}

fn benches(c: &mut Criterion) {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread can be started");
    for points in [129, 257] {
        let values = field(points);
        let grid = Grid { values: &values, shape: [points; 3] };
        c.bench_function(&format!("extract_surface {points}^3"), |b| {
            b.iter(|| extract_surface(black_box(&grid), 0.0));
        });
        c.bench_function(&format!("extract_surface {points}^3, one thread"), |b| {
            b.iter(|| one_thread.install(|| extract_surface(black_box(&grid), 0.0)));
        });
    }

    let fine = surface(257);
    let middle = surface(145);
    let name = |what: &str, mesh: &Mesh| format!("{what}, {} faces", mesh.faces.len());
    c.bench_function(&name("simplify to 40000", &fine), |b| b.iter(|| simplify(black_box(&fine), 40_000)));
    c.bench_function(&name("simplify to 40000, one thread", &fine), |b| {
        b.iter(|| one_thread.install(|| simplify(black_box(&fine), 40_000)));
    });
    c.bench_function(&name("remove_floaters", &fine), |b| b.iter(|| remove_floaters(black_box(fine.clone()))));
    c.bench_function(&name("measure", &fine), |b| b.iter(|| measure(black_box(&fine))));
    c.bench_function(&name("glb", &fine), |b| b.iter(|| write::glb(black_box(&fine))));
    c.bench_function(&name("thumbnail 512", &middle), |b| b.iter(|| thumbnail(black_box(&middle), 512)));
    c.bench_function(&name("thumbnail 512, one thread", &middle), |b| {
        b.iter(|| one_thread.install(|| thumbnail(black_box(&middle), 512)));
    });
}

criterion_group! {
    name = mesh;
    config = Criterion::default().sample_size(10);
    targets = benches
}
criterion_main!(mesh);
