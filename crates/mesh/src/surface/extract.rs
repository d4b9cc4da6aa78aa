use rayon::prelude::*;

use super::Grid;
use super::rows::{Row, Rows, next_point};
use super::table::{AmbiguousFace, EDGES, PATTERNS};
use crate::mesh::Mesh;

/// Extracts the surface where the field crosses `level`: marching cubes with shared vertices.
///
/// Inside is `value > level`. Vertices lie on grid edges, in index coordinates (`0..=n - 1` per axis), at the linear
/// crossing; triangles are counter-clockwise seen from outside. The surface is closed where the field is closed:
/// every edge then belongs to exactly two triangles, in opposite directions, also in ambiguous cells. It is open
/// where the field is inside at the border of the grid, and where it is inside next to a point that was not evaluated
/// (specification section 13: a triangle with a vertex on such an edge is left out).
///
/// A crossing within about 1e-5 of a grid point (relative to the grid's size) is moved off by that much, so that
/// values equal to the level do not make coincident vertices. The result does not depend on the number of threads
/// and is empty if there is no crossing.
///
/// # Panics
/// If the number of values does not fit the shape (see [`Grid::new`]), or beyond 2^31 vertices.
pub fn extract_surface(grid: &Grid<'_>, level: f32) -> Mesh {
    assert!(grid.is_sound(), "the number of grid values must fit the shape");
    if grid.shape.iter().any(|&points| points < 2) {
        return Mesh::default();
    }
    let rows = Rows::classify(grid, level);
    let numbering = Numbering::of(&rows, grid.shape);
    let mut vertices = place_vertices(grid, level, &rows, &numbering);

    let slabs: Vec<Slab> = (0..grid.shape[0] - 1)
        .into_par_iter()
        .map(|x| Slab::fill(grid, level, &rows, &numbering, &vertices, x))
        .collect();
    let mut faces = Vec::with_capacity(slabs.iter().map(|slab| slab.faces.len()).sum());
    for slab in slabs {
        let first_centre = vertices.len() as u32;
        let absolute = |v: u32| if v & CENTRE == 0 { v } else { first_centre + (v & !CENTRE) };
        faces.extend(slab.faces.iter().map(|face| face.map(absolute)));
        vertices.extend(slab.centres);
    }
    assert!(vertices.len() < CENTRE as usize, "a surface has at most 2^31 vertices");

    let mut mesh = Mesh { vertices, faces };
    if !rows.all_known() {
        mesh.drop_unreferenced();
    }
    mesh
}

/// Marks a vertex number as counting a slab's own centre vertices.
const CENTRE: u32 = 1 << 31;
/// An edge without a vertex.
const NONE: u32 = u32::MAX;

/// The number of the first vertex on the edges along z, y and x of every row, in this order.
struct Numbering {
    first: Vec<[u32; 3]>,
    rows_per_plane: usize,
    total: usize,
}

impl Numbering {
    fn of(rows: &Rows, [nx, ny, _]: [usize; 3]) -> Self {
        let mut first = vec![[0_u32; 3]; nx * ny];
        first.par_chunks_mut(ny).enumerate().for_each(|(x, plane)| {
            for (y, counts) in plane.iter_mut().enumerate() {
                let row = rows.row(x, y);
                let after_y = (y + 1 < ny).then(|| rows.row(x, y + 1));
                let after_x = (x + 1 < nx).then(|| rows.row(x + 1, y));
                for k in 0..rows.words() {
                    counts[0] += (row.crossings_along(k) & rows.has_next(k)).count_ones();
                    counts[1] += after_y.map_or(0, |after| row.crossings_to(&after, k).count_ones());
                    counts[2] += after_x.map_or(0, |after| row.crossings_to(&after, k).count_ones());
                }
            }
        });
        let mut total = 0_usize;
        for count in first.iter_mut().flatten() {
            let here = *count as usize;
            *count = total as u32;
            total += here;
        }
        assert!(total < CENTRE as usize, "a surface has at most 2^31 vertices");
        Numbering { first, rows_per_plane: ny, total }
    }

    fn first(&self, x: usize, y: usize) -> [u32; 3] {
        self.first[x * self.rows_per_plane + y]
    }
}

/// Computes all edge vertices, plane by plane, each plane into its own part of the result.
fn place_vertices(grid: &Grid<'_>, level: f32, rows: &Rows, numbering: &Numbering) -> Vec<[f32; 3]> {
    let [nx, ny, nz] = grid.shape;
    // Two units in the last place of the largest coordinate keep a vertex apart from the grid point beside it.
    let margin = 2.0 * f64::from(f32::EPSILON) * nx.max(ny).max(nz).next_power_of_two() as f64;
    let crossing = |index: usize, stride: usize| {
        let (a, b) = (f64::from(grid.values[index]), f64::from(grid.values[index + stride]));
        ((f64::from(level) - a) / (b - a)).clamp(margin, 1.0 - margin)
    };

    let mut vertices = vec![[0.0; 3]; numbering.total];
    let mut planes = Vec::with_capacity(nx);
    let mut rest = vertices.as_mut_slice();
    for x in 0..nx {
        let end = if x + 1 < nx { numbering.first(x + 1, 0)[0] as usize } else { numbering.total };
        let (plane, after) = rest.split_at_mut(end - numbering.first(x, 0)[0] as usize);
        planes.push(plane);
        rest = after;
    }
    planes.into_par_iter().enumerate().for_each(|(x, plane)| {
        let mut places = plane.iter_mut();
        let mut put = |vertex: [f64; 3]| {
            *places.next().expect("crossings were counted before. This is a bug.") = vertex.map(|c| c as f32);
        };
        for y in 0..ny {
            let row = rows.row(x, y);
            let start = (x * ny + y) * nz;
            let [fx, fy] = [x as f64, y as f64];
            for k in 0..rows.words() {
                for z in bits(row.crossings_along(k) & rows.has_next(k), k) {
                    put([fx, fy, z as f64 + crossing(start + z, 1)]);
                }
            }
            if y + 1 < ny {
                let after = rows.row(x, y + 1);
                for k in 0..rows.words() {
                    for z in bits(row.crossings_to(&after, k), k) {
                        put([fx, fy + crossing(start + z, nz), z as f64]);
                    }
                }
            }
            if x + 1 < nx {
                let after = rows.row(x + 1, y);
                for k in 0..rows.words() {
                    for z in bits(row.crossings_to(&after, k), k) {
                        put([fx + crossing(start + z, ny * nz), fy, z as f64]);
                    }
                }
            }
        }
    });
    vertices
}

/// The positions in a row of the set bits of its word `k`.
fn bits(mut word: u64, k: usize) -> impl Iterator<Item = usize> + Clone {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            64 * k + bit
        })
    })
}

/// The faces of the cells between two planes x and x + 1.
#[derive(Default)]
struct Slab {
    faces: Vec<[u32; 3]>,
    centres: Vec<[f32; 3]>,
}

impl Slab {
    fn fill(grid: &Grid<'_>, level: f32, rows: &Rows, numbering: &Numbering, vertices: &[[f32; 3]], x: usize) -> Self {
        let [_, ny, nz] = grid.shape;
        let mut slab = Slab::default();
        for y in 0..ny - 1 {
            let mut beam = Beam::new(rows, numbering, x, y);
            for k in 0..rows.words() {
                let mut surface = beam.surface_cells(k) & rows.has_next(k);
                if surface != 0 {
                    beam.enter(k);
                }
                while surface != 0 {
                    let bit = surface.trailing_zeros();
                    surface &= surface - 1;
                    let pattern = &PATTERNS[beam.pattern(bit)];
                    let corner = (x * ny + y) * nz + 64 * k + bit as usize;
                    let decision = pattern.ambiguous.iter().enumerate().fold(0, |decision, (n, face)| {
                        decision | usize::from(are_connected(grid, level, corner, face)) << n
                    });
                    let filling = &pattern.fillings[decision];
                    let edge_vertices = beam.edge_vertices(bit);
                    slab.push(&filling.triangles, &filling.centres, edge_vertices, vertices);
                }
            }
        }
        slab
    }

    fn push(&mut self, triangles: &[[u8; 3]], centres: &[u16], edges: [u32; EDGES], vertices: &[[f32; 3]]) {
        // No cell has more than four loops.
        let mut corners = [NONE; EDGES + 4];
        corners[..EDGES].copy_from_slice(&edges);
        for (n, &set) in centres.iter().enumerate() {
            let around = bits(u64::from(set), 0).map(|edge| edges[edge]);
            if around.clone().all(|v| v != NONE) {
                corners[EDGES + n] = CENTRE | self.centres.len() as u32;
                let mut sum = [0.0_f64; 3];
                for v in around {
                    sum = std::array::from_fn(|i| sum[i] + f64::from(vertices[v as usize][i]));
                }
                self.centres.push(sum.map(|c| (c / f64::from(set.count_ones())) as f32));
            }
        }
        for triangle in triangles {
            let face = triangle.map(|corner| corners[usize::from(corner)]);
            if !face.contains(&NONE) {
                self.faces.push(face);
            }
        }
    }
}

/// Whether the inside corners of an ambiguous face are connected across it: the sign of the bilinear interpolant at
/// its saddle. The products are exact in double precision, so both cells of the face come to the same answer.
fn are_connected(grid: &Grid<'_>, level: f32, corner: usize, face: &AmbiguousFace) -> bool {
    let [_, ny, nz] = grid.shape;
    let height = |c: u8| {
        let c = usize::from(c);
        f64::from(grid.values[corner + (c & 1) * ny * nz + (c >> 1 & 1) * nz + (c >> 2)] - level)
    };
    height(face.inside[0]) * height(face.inside[1]) > height(face.outside[0]) * height(face.outside[1])
}

/// The cells along z between four rows, and the vertices on their edges, one word at a time.
struct Beam<'a> {
    /// Row `i + 2j` is at (x + i, y + j).
    rows: [Row<'a>; 4],
    /// By kind of edge (four along z, two along y, two along x): the next number, counted up to word `counted`.
    first: [u32; 8],
    counted: usize,
    word: usize,
    crossings: [u64; 8],
    /// Crossings of the edges along y and x as seen from one point before.
    crossings_after: [u64; 8],
}

impl<'a> Beam<'a> {
    fn new(rows: &'a Rows, numbering: &Numbering, x: usize, y: usize) -> Self {
        let first = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| numbering.first(x + i, y + j));
        Beam {
            rows: [rows.row(x, y), rows.row(x + 1, y), rows.row(x, y + 1), rows.row(x + 1, y + 1)],
            first: [
                first[0][0],
                first[1][0],
                first[2][0],
                first[3][0],
                first[0][1],
                first[1][1],
                first[0][2],
                first[2][2],
            ],
            counted: 0,
            word: 0,
            crossings: [0; 8],
            crossings_after: [0; 8],
        }
    }

    /// Bits z of the cells whose corners are not all on one side.
    fn surface_cells(&self, k: usize) -> u64 {
        let (mut any, mut all) = (0, u64::MAX);
        for row in &self.rows {
            let (word, next) = (row.inside(k), next_point(row.inside(k), row.inside(k + 1)));
            any |= word | next;
            all &= word & next;
        }
        any & !all
    }

    fn crossings(&self, k: usize) -> [u64; 8] {
        let [r00, r10, r01, r11] = &self.rows;
        [
            r00.crossings_along(k),
            r10.crossings_along(k),
            r01.crossings_along(k),
            r11.crossings_along(k),
            r00.crossings_to(r01, k),
            r10.crossings_to(r11, k),
            r00.crossings_to(r10, k),
            r01.crossings_to(r11, k),
        ]
    }

    /// Goes on to word `k`, counting the vertices passed.
    fn enter(&mut self, k: usize) {
        while self.counted < k {
            let passed = self.crossings(self.counted);
            for (first, word) in self.first.iter_mut().zip(passed) {
                *first += word.count_ones();
            }
            self.counted += 1;
        }
        self.word = k;
        self.crossings = self.crossings(k);
        let following = self.crossings(k + 1);
        self.crossings_after = std::array::from_fn(|i| next_point(self.crossings[i], following[i]));
    }

    /// The inside corners of the cell at `bit` of the word entered.
    fn pattern(&self, bit: u32) -> usize {
        let k = self.word;
        self.rows.iter().enumerate().fold(0, |pattern, (corner, row)| {
            let next = next_point(row.inside(k), row.inside(k + 1));
            let (low, high) = (row.inside(k) >> bit & 1, next >> bit & 1);
            pattern | ((low | high << 4) as usize) << corner
        })
    }

    /// The numbers of the vertices on the edges of the cell at `bit`.
    fn edge_vertices(&self, bit: u32) -> [u32; EDGES] {
        let before = (1_u64 << bit) - 1;
        let rank = |kind: usize| self.first[kind] + (self.crossings[kind] & before).count_ones();
        let here = |kind: usize| (self.crossings[kind] >> bit & 1) as u32;
        let after = |kind: usize| (self.crossings_after[kind] >> bit & 1) as u32;
        let mut vertices = [NONE; EDGES];
        for (kind, vertex) in vertices[..4].iter_mut().enumerate() {
            if here(kind) == 1 {
                *vertex = rank(kind);
            }
        }
        // Kinds 4 and 5 are edges 4 and 5 at z, 6 and 7 at z + 1; kinds 6 and 7 are edges 8 and 9, 10 and 11.
        for (kind, edge) in [(4, 4), (5, 5), (6, 8), (7, 9)] {
            if here(kind) == 1 {
                vertices[edge] = rank(kind);
            }
            if after(kind) == 1 {
                vertices[edge + 2] = rank(kind) + here(kind);
            }
        }
        vertices
    }
}
