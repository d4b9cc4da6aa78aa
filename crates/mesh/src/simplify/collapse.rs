//! Edge collapses that keep the topology.
//!
//! The mesh is reduced in passes. A pass rates each edge by the quadric error of its best merged vertex, sorts the edges,
//! and collapses the best. A vertex takes part in one collapse per pass, so that the adjacency computed at the start of
//! the pass stays valid for all vertices that have not been merged.

use rayon::prelude::*;

use super::quadric::Quadric;
use crate::edges::Edges;
use crate::mesh::Mesh;
use crate::vector::{Vector, cross, dot, norm, sub, unit};

/// Weight of the planes that keep the boundary of an open surface in place.
const BOUNDARY_WEIGHT: f64 = 3.0;
/// Weight of the original vertices beside the planes of faces: keeps flat parts even and the merged vertex unique.
const POINT_WEIGHT: f64 = 1e-3;
/// Least cosine between a face's normal before and after a collapse.
const LEAST_TURN: f64 = 0.25;

/// A pass that removes less than this share of the surplus relaxes the acceptance rule for later passes. This bounds the
/// work to a few dozen passes, also for noise, where nearly every collapse is rejected.
const LEAST_PROGRESS: f64 = 0.05;

/// Which collapses a pass accepts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Tolerance {
    /// The best edges only; the others are rated again in the next pass.
    Best,
    /// Any edge whose collapse flips no face.
    Any,
    /// Any edge whose collapse keeps the topology.
    AllowFlips,
}

/// Collapses edges until at most `max_faces` are left, or hardly any edge can be collapsed without changing the topology.
pub(super) fn reduce(mesh: &Mesh, max_faces: usize) -> Mesh {
    let mut state = State::new(mesh);
    let mut tolerance = Tolerance::Best;
    while state.faces.len() > max_faces {
        let surplus = state.faces.len() - max_faces;
        let collapses = state.pass(max_faces, tolerance);
        if (2 * collapses) as f64 >= LEAST_PROGRESS * surplus as f64 && collapses > 0 {
            continue;
        }
        tolerance = match tolerance {
            Tolerance::Best => Tolerance::Any,
            Tolerance::Any => Tolerance::AllowFlips,
            Tolerance::AllowFlips => break,
        };
    }
    Mesh { vertices: state.positions.iter().map(|p| p.map(|c| c as f32)).collect(), faces: state.faces }
}

struct State {
    positions: Vec<Vector>,
    quadrics: Vec<Quadric>,
    faces: Vec<[u32; 3]>,
}

/// The kind of surface around a vertex.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Inside,
    Boundary,
    /// At an edge of more than two faces, or of two of opposite orientation: not to be moved.
    NonManifold,
}

/// An edge and the vertex that would replace it.
struct Candidate {
    ends: [u32; 2],
    merged: Vector,
    error: f32,
}

impl State {
    fn new(mesh: &Mesh) -> Self {
        let positions: Vec<Vector> = mesh.vertices.iter().map(|v| v.map(f64::from)).collect();
        // Faces that name a vertex twice block collapses around them.
        let faces: Vec<[u32; 3]> = mesh.faces.iter().copied().filter(|&[a, b, c]| a != b && b != c && c != a).collect();
        let mut quadrics = vec![Quadric::default(); positions.len()];
        let corners = |face: usize| faces[face].map(|v| positions[v as usize]);
        for (index, face) in faces.iter().enumerate() {
            let [a, b, c] = corners(index);
            let normal = cross(sub(b, a), sub(c, a));
            // Not weighted by area: finely meshed parts would be flattened in favour of coarse ones.
            let plane = unit(normal).map(|normal| Quadric::plane(normal, a, 1.0));
            for &v in face {
                let quadric = &mut quadrics[v as usize];
                quadric.add(&Quadric::point(positions[v as usize], POINT_WEIGHT));
                if let Some(plane) = &plane {
                    quadric.add(plane);
                }
            }
        }
        for (from, sides) in Edges::between(positions.len(), &faces).iter_from() {
            let [side] = sides else { continue };
            let (a, b) = (positions[from as usize], positions[side.to as usize]);
            let along = sub(b, a);
            let [p, q, r] = corners(side.face as usize);
            let normal = cross(sub(q, p), sub(r, p));
            if let Some(across) = unit(cross(along, normal)) {
                let plane = Quadric::plane(across, a, BOUNDARY_WEIGHT);
                quadrics[from as usize].add(&plane);
                quadrics[side.to as usize].add(&plane);
            }
        }
        State { positions, quadrics, faces }
    }

    /// Collapses the best edges, each vertex once; returns how many.
    fn pass(&mut self, max_faces: usize, tolerance: Tolerance) -> usize {
        let edges = Edges::between(self.positions.len(), &self.faces);
        let places = places(self.positions.len(), &edges);
        let around = Around::of(self.positions.len(), &self.faces);
        let candidates = self.candidates(&edges, &places);
        let mut order: Vec<u64> = candidates
            .iter()
            .zip(0_u64..)
            // Errors are not negative, so their bits sort as they do.
            .map(|(candidate, index)| u64::from(candidate.error.to_bits()) << 32 | index)
            .collect();
        order.par_sort_unstable();

        let surplus = self.faces.len() - max_faces;
        // Half as many collapses as faces to remove. Edges far beyond the error of the last of them are left to the next
        // pass, which rates them by the new shape.
        let last = order.get(surplus.div_ceil(2).min(order.len().saturating_sub(1)));
        let limit = match last {
            Some(&key) if tolerance == Tolerance::Best => 1.5 * candidates[key as u32 as usize].error,
            _ => f32::INFINITY,
        };
        let mut merged_into: Vec<u32> = (0..self.positions.len() as u32).collect();
        let mut is_free = vec![true; self.positions.len()];
        let (mut collapses, mut removed) = (0, 0);
        let mut check = Check::default();
        for key in order {
            let Candidate { ends: [keep, gone], merged, error } = candidates[key as u32 as usize];
            if removed >= surplus || (error > limit && collapses > 0) {
                break;
            }
            if !is_free[keep as usize] || !is_free[gone as usize] {
                continue;
            }
            let rings =
                [keep, gone].map(|v| Ring { around: &around, faces: &self.faces, merged_into: &merged_into, v });
            let Some(faces) = check.faces_removed(&rings, &places) else { continue };
            if tolerance < Tolerance::AllowFlips
                && rings.iter().any(|ring| ring.turns_over([keep, gone], merged, &self.positions))
            {
                continue;
            }
            self.positions[keep as usize] = merged;
            let quadric = self.quadrics[gone as usize];
            self.quadrics[keep as usize].add(&quadric);
            merged_into[gone as usize] = keep;
            is_free[keep as usize] = false;
            is_free[gone as usize] = false;
            removed += faces;
            collapses += 1;
        }
        for v in self.faces.iter_mut().flatten() {
            *v = merged_into[*v as usize];
        }
        self.faces.retain(|&[a, b, c]| a != b && b != c && c != a);
        collapses
    }

    /// All edges that may be collapsed by the places of their ends.
    fn candidates(&self, edges: &Edges, places: &[Place]) -> Vec<Candidate> {
        let pairs: Vec<[u32; 2]> = edges
            .iter_from()
            .filter(|(from, sides)| {
                let is_boundary = sides.len() == 1;
                match [places[*from as usize], places[sides[0].to as usize]] {
                    [Place::NonManifold, _] | [_, Place::NonManifold] => false,
                    // Collapsing an inner edge between two boundary vertices would pinch the surface.
                    [Place::Boundary, Place::Boundary] => is_boundary,
                    _ => true,
                }
            })
            .map(|(from, sides)| [from, sides[0].to])
            .collect();
        pairs.into_par_iter().map(|ends| self.candidate(ends, places)).collect()
    }

    fn candidate(&self, [a, b]: [u32; 2], places: &[Place]) -> Candidate {
        let mut quadric = self.quadrics[a as usize];
        quadric.add(&self.quadrics[b as usize]);
        let (at_a, at_b) = (self.positions[a as usize], self.positions[b as usize]);
        let middle: Vector = std::array::from_fn(|i| (at_a[i] + at_b[i]) / 2.0);
        let edge = sub(at_b, at_a);
        let reach = 4.0 * dot(edge, edge);
        let is_near = |p: &Vector| {
            let off = sub(*p, middle);
            dot(off, off) <= reach
        };
        let merged = match [places[a as usize], places[b as usize]] {
            [Place::Boundary, Place::Inside] => at_a,
            [Place::Inside, Place::Boundary] => at_b,
            _ => quadric.minimum().filter(is_near).unwrap_or_else(|| {
                let [by_a, by_b, by_middle] = [at_a, at_b, middle].map(|p| quadric.at(p));
                if by_middle <= by_a && by_middle <= by_b {
                    middle
                } else if by_a <= by_b {
                    at_a
                } else {
                    at_b
                }
            }),
        };
        Candidate { ends: [a, b], merged, error: quadric.at(merged) as f32 }
    }
}

fn places(vertices: usize, edges: &Edges) -> Vec<Place> {
    let mut places = vec![Place::Inside; vertices];
    for (from, sides) in edges.iter_from() {
        let place = match sides {
            [_] => Place::Boundary,
            [a, b] if a.forward != b.forward => continue,
            _ => Place::NonManifold,
        };
        for v in [from, sides[0].to] {
            if places[v as usize] != Place::NonManifold {
                places[v as usize] = place;
            }
        }
    }
    places
}

/// The faces around every vertex.
struct Around {
    faces: Vec<u32>,
    start: Vec<u32>,
}

impl Around {
    fn of(vertices: usize, faces: &[[u32; 3]]) -> Self {
        let mut start = vec![0_u32; vertices + 1];
        for &v in faces.iter().flatten() {
            start[v as usize + 1] += 1;
        }
        for v in 1..start.len() {
            start[v] += start[v - 1];
        }
        let mut next = start.clone();
        let mut around = vec![0; 3 * faces.len()];
        for (face, corners) in (0_u32..).zip(faces) {
            for &v in corners {
                around[next[v as usize] as usize] = face;
                next[v as usize] += 1;
            }
        }
        Around { faces: around, start }
    }
}

/// The faces around a vertex that was not merged in this pass, as they are after the merges of others.
struct Ring<'a> {
    around: &'a Around,
    faces: &'a [[u32; 3]],
    merged_into: &'a [u32],
    v: u32,
}

impl Ring<'_> {
    /// The other two corners of each face, in the face's direction.
    fn sides(&self) -> impl Iterator<Item = [u32; 2]> {
        let range = self.around.start[self.v as usize] as usize..self.around.start[self.v as usize + 1] as usize;
        self.around.faces[range].iter().filter_map(|&face| {
            let [a, b, c] = self.faces[face as usize].map(|v| self.merged_into[v as usize]);
            let [from, to] = if a == self.v {
                [b, c]
            } else if b == self.v {
                [c, a]
            } else {
                [a, b]
            };
            (from != to).then_some([from, to])
        })
    }

    /// Whether the normal of a face around the vertex turns too far when both ends move to `merged`.
    fn turns_over(&self, ends: [u32; 2], merged: Vector, positions: &[Vector]) -> bool {
        let here = positions[self.v as usize];
        self.sides().filter(|side| !side.iter().any(|v| ends.contains(v))).any(|side| {
            let [a, b] = side.map(|v| positions[v as usize]);
            let before = cross(sub(a, here), sub(b, here));
            let after = cross(sub(a, merged), sub(b, merged));
            dot(before, after) < LEAST_TURN * norm(before) * norm(after) || norm(after) == 0.0
        })
    }
}

/// The test whether a collapse keeps the topology, with its buffers.
#[derive(Default)]
struct Check {
    neighbours: [Vec<u32>; 2],
}

impl Check {
    /// The number of faces that go with an edge, if its ends have no neighbours in common but those of these faces
    /// (the link condition of Dey and others): else a collapse would pinch the surface or fold it onto itself.
    fn faces_removed(&mut self, rings: &[Ring<'_>; 2], places: &[Place]) -> Option<usize> {
        for (ring, neighbours) in rings.iter().zip(&mut self.neighbours) {
            neighbours.clear();
            neighbours.extend(ring.sides().flatten());
            neighbours.sort_unstable();
            neighbours.dedup();
        }
        let [of_keep, of_gone] = &self.neighbours;
        let common: Vec<u32> = of_keep.iter().copied().filter(|v| of_gone.binary_search(v).is_ok()).collect();
        let [keep, gone] = rings;
        let apexes = keep.sides().filter(|side| side.contains(&gone.v)).count();
        if common.len() != apexes || apexes == 0 {
            return None;
        }
        // A boundary of three edges and a tetrahedron cannot be reduced further.
        let is_boundary =
            apexes == 1 && places[keep.v as usize] == Place::Boundary && places[gone.v as usize] == Place::Boundary;
        let is_last = rings
            .iter()
            .all(|ring| ring.sides().any(|side| common.len() == 2 && common.iter().all(|v| side.contains(v))));
        let has_other_faces = |ring: &Ring<'_>, other: u32| ring.sides().any(|side| !side.contains(&other));
        if is_last || (is_boundary && !has_other_faces(keep, gone.v) && !has_other_faces(gone, keep.v)) {
            return None;
        }
        Some(apexes)
    }
}
