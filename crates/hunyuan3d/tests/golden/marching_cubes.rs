//! `marching-cubes`: the surface of given fields, with the reference's vertex mapping.

use hunyuan3d::volume::{Bounds, Field, Values, VertexMapping};

use crate::case::Case;
use crate::compare::Report;
use crate::surface::{MeasureTolerance, check_measures, mesh, number, unmatched_share};

pub(crate) fn check(case: &Case, report: &mut Report) {
    let runs = case.json("meshes.json");
    let names: Vec<&str> = case.names().filter_map(|name| name.strip_suffix(".field")).collect();
    for name in names {
        let (run, field) = (&runs[name], case.tensor(&format!("{name}.field")));
        let shape = [0, 1, 2].map(|axis| field.size()[axis] as usize);
        let field = Field {
            values: Values::Dense(Vec::<f32>::try_from(field.contiguous().view(-1)).unwrap()),
            shape,
            bounds: Bounds::default(),
            octree_resolution: number(run, "octree_resolution") as u32,
        };
        let level = number(run, "mc_level") as f32;
        let surface = field.to_mesh(level, VertexMapping::Reference);
        let expected = mesh(&case.tensor(&format!("{name}.vertices")), &case.tensor(&format!("{name}.faces_raw")));

        // Where the corners of a cell's face have alternating signs, tables may join them one way or the other.
        let ambiguous = has_ambiguous_cells(&field, level);
        let slack = if ambiguous { 0.05 } else { 0.0 };
        let (faces, wanted) = (surface.faces.len() as f64, expected.faces.len() as f64);
        report.number(&format!("{name}: faces"), faces, wanted, slack);
        for (what, share) in [
            ("expected vertices are missing", unmatched_share(&expected.vertices, &surface.vertices, 1e-5)),
            ("vertices are not expected", unmatched_share(&surface.vertices, &expected.vertices, 1e-5)),
        ] {
            report.holds(share <= slack, || format!("{name}: {:.2}% {what}", share * 100.0));
        }
        let size = if ambiguous { 0.05 } else { 1e-4 };
        let tolerance = MeasureTolerance { size, vertices: slack, bounds: 1e-5, topology: !ambiguous };
        check_measures(name, &mesh::measure(&surface), run, &tolerance, report);
    }
}

/// Whether some face of some cell has its corners above and below `level` by turns.
fn has_ambiguous_cells(field: &Field, level: f32) -> bool {
    let [nx, ny, nz] = field.shape;
    let values = field.dense();
    let above = |p: [usize; 3]| values[(p[0] * ny + p[1]) * nz + p[2]] > level;
    let points = (0..nx).flat_map(|x| (0..ny).flat_map(move |y| (0..nz).map(move |z| [x, y, z])));
    let faces = points.flat_map(|p| [(0, 1), (0, 2), (1, 2)].map(|axes| (p, axes)));
    faces.into_iter().any(|(p, (a, b))| {
        let (mut pa, mut pb) = (p, p);
        pa[a] += 1;
        pb[b] += 1;
        let mut pab = pa;
        pab[b] += 1;
        let inside = pab[a] < field.shape[a] && pab[b] < field.shape[b];
        inside && above(p) == above(pab) && above(pa) == above(pb) && above(p) != above(pa)
    })
}
