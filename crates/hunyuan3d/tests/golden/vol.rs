//! `vol-*`: volume decoding of latents, run by run as `meshes.json` lists them.

use std::collections::BTreeMap;

use hunyuan3d::probe::Probe;
use hunyuan3d::vae::ShapeVae;
use hunyuan3d::volume::{Bounds, DecodeOptions, Decoder, Field, FlashMode, VertexMapping, decode};
use mesh::Mesh;
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::case::Case;
use crate::compare::{Report, Tolerance};
use crate::surface::{MeasureTolerance, check_measures, mesh, number, unmatched_share};

/// The tolerance of a decoder's logits, and the share of points that may exceed it.
pub(crate) struct LogitTolerance {
    pub(crate) abs: f64,
    pub(crate) outliers: f64,
}

const EXACT: LogitTolerance = LogitTolerance { abs: 1e-4, outliers: 0.0 };
const HALF: LogitTolerance = LogitTolerance { abs: 1e-3, outliers: 0.0 };
/// A tie among the best keys changes which tokens a group sees.
const FLASH: LogitTolerance = LogitTolerance { abs: 1e-3, outliers: 0.005 };

/// Share of cells that may be evaluated by one implementation only: logits at a threshold.
const EVALUATED: f64 = 0.001;

pub(crate) fn check(case: &Case, report: &mut Report) {
    let (vae, _) = super::vae::load(case);
    let latents = case.tensor("latents");
    let decoded = vae.decode(&(&latents / vae.scale_factor()), Probe::NONE);
    report.tensor(case, "decoded_latents", &decoded, Tolerance::rel(1e-4));

    let meshes = case.json("meshes.json");
    // `name.0`, `name.1` ... are the rows of one run that is stored as a batch.
    let mut runs: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for (name, run) in meshes["runs"].as_object().unwrap() {
        let batch = name.rsplit_once('.').filter(|(_, row)| row.parse::<usize>().is_ok()).map(|(stem, _)| stem);
        runs.entry(batch.unwrap_or(name).to_owned()).or_default().push((name.clone(), run.clone()));
    }
    for (stem, rows) in runs {
        let options = options(&rows[0].1, &meshes);
        let latent_index = |run: &Value| number(run, "latent_index") as i64;
        let mut batch: Vec<i64> = rows.iter().map(|(_, run)| latent_index(run)).collect();
        if options.decoder != Decoder::Dense {
            // Another shape in the batch: the points that it needs evaluated must not affect the first.
            batch.push((batch[0] + 1) % decoded.size()[0]);
        }
        let batch = decoded.index_select(0, &Tensor::from_slice(&batch));
        let fields = fields(&vae, &batch, &options);
        for (row, (name, run)) in rows.iter().enumerate() {
            let field = &fields[row];
            match case.find(&format!("{stem}.logits")).filter(|stored| stored.dim() == 4) {
                Some(stored) => check_sparse(name, &values(field), &stored.get(row as i64), 0.0, &EXACT, report),
                None => check_field(case, name, field, options.decoder, report),
            }
            check_surface(case, name, field, run, &meshes, report);
            if options.decoder != Decoder::Dense {
                let alone = &self::fields(&vae, &batch.narrow(0, row as i64, 1), &options)[0];
                check_sparse(&format!("{name} alone"), &values(alone), &values(field), 0.0, &EXACT, report);
            }
        }
    }
}

fn fields(vae: &ShapeVae, decoded: &Tensor, options: &DecodeOptions) -> Vec<Field> {
    let shapes = vae.geo_decoder().latent_key_values(decoded, Probe::NONE);
    decode(vae.geo_decoder(), &shapes, options).unwrap()
}

/// The options of a run, from its entry in a JSON file; `file` has what all runs share.
pub(crate) fn options(run: &Value, file: &Value) -> DecodeOptions {
    let decoder = match run["decoder"].as_str().unwrap() {
        "dense" => Decoder::Dense,
        "hier" => Decoder::Hierarchical,
        "mean" => Decoder::FlashVdm(FlashMode::Mean),
        "merge" => Decoder::FlashVdm(FlashMode::Merge),
        other => panic!("unknown decoder {other}"),
    };
    let bounds = match &file["bounds"] {
        Value::Array(six) => {
            let at = |i: usize| six[i].as_f64().unwrap() as f32;
            Bounds { min: [at(0), at(1), at(2)], max: [at(3), at(4), at(5)] }
        }
        half => Bounds::cube(half.as_f64().unwrap() as f32),
    };
    let defaults = DecodeOptions::default();
    DecodeOptions {
        octree_resolution: number(run, "octree_resolution") as u32,
        decoder,
        bounds,
        min_resolution: run["min_resolution"].as_u64().map_or(defaults.min_resolution, |m| m as u32),
        mc_level: level(run, file),
        ..defaults
    }
}

/// The surface level of a run.
fn level(run: &Value, file: &Value) -> f32 {
    run["mc_level"].as_f64().or(file["mc_level"].as_f64()).unwrap() as f32
}

fn values(field: &Field) -> Tensor {
    Tensor::from_slice(&field.dense()).view(field.shape.map(|points| points as i64))
}

/// A field against whatever the case has stored of the run `name`.
pub(crate) fn check_field(case: &Case, name: &str, field: &Field, decoder: Decoder, report: &mut Report) {
    let got = values(field);
    let tolerance = if matches!(decoder, Decoder::FlashVdm(_)) { &FLASH } else { &EXACT };
    if let Some(shape) = case.find(&format!("{name}.shape")) {
        let shape = Vec::<i64>::try_from(shape).unwrap();
        report.holds(got.size() == shape, || format!("{name}: grid is {:?} instead of {shape:?}", got.size()));
        if got.size() != shape {
            return;
        }
    }
    if let Some(stored) = case.find(&format!("{name}.logits")) {
        let tolerance = if stored.kind() == Kind::Half && tolerance.abs < HALF.abs { &HALF } else { tolerance };
        check_sparse(&format!("{name}.logits"), &got, &stored, 0.0, tolerance, report);
    }
    if let Some(stored) = case.find(&format!("{name}.logits_every_second")) {
        let every = |axis: i64, t: &Tensor| t.slice(axis, None, None, 2);
        let coarse = every(2, &every(1, &every(0, &got)));
        check_sparse(&format!("{name}.logits_every_second"), &coarse, &stored, 0.0, &HALF, report);
    }
    for (axis, letter) in ["x", "y", "z"].into_iter().enumerate() {
        if let Some(stored) = case.find(&format!("{name}.plane_{letter}_mid")) {
            let plane = got.select(axis as i64, got.size()[axis] / 2);
            check_sparse(&format!("{name}.plane_{letter}_mid"), &plane, &stored, 0.0, tolerance, report);
        }
    }
    if let Some(bits) = case.find(&format!("{name}.evaluated_packedbits")) {
        let evaluated = case.tensor(&format!("{name}.evaluated_values"));
        let stored = unpack(&bits, &evaluated, &got.size());
        check_sparse(name, &got, &stored, EVALUATED, tolerance, report);
    }
}

/// A grid from the bit mask of its evaluated cells (most significant bit first) and their values; NaN elsewhere.
fn unpack(bits: &Tensor, evaluated: &Tensor, size: &[i64]) -> Tensor {
    let bits = Vec::<u8>::try_from(bits).unwrap();
    let mut evaluated = Vec::<f32>::try_from(evaluated).unwrap().into_iter();
    let cells = size.iter().product::<i64>() as usize;
    let is_set = |cell: usize| bits[cell / 8] >> (7 - cell % 8) & 1 == 1;
    let grid: Vec<f32> =
        (0..cells).map(|cell| if is_set(cell) { evaluated.next().unwrap() } else { f32::NAN }).collect();
    assert!(evaluated.next().is_none(), "more values than set bits");
    Tensor::from_slice(&grid).view(size)
}

/// Grids with NaN where not evaluated: cells evaluated by one only are at most the share `evaluated`; values agree
/// where both have been.
fn check_sparse(
    what: &str,
    got: &Tensor,
    want: &Tensor,
    evaluated: f64,
    tolerance: &LogitTolerance,
    report: &mut Report,
) {
    if got.size() != want.size() {
        return report.holds(false, || format!("{what}: grid is {:?} instead of {:?}", got.size(), want.size()));
    }
    let want = want.to_kind(Kind::Float);
    let (has, had) = (got.isfinite(), want.isfinite());
    let cells = got.numel() as f64;
    let share = has.logical_xor(&had).sum(Kind::Int64).int64_value(&[]) as f64 / cells;
    report.holds(share <= evaluated, || format!("{what}: {:.3}% of the cells evaluated by one only", share * 100.0));
    let both = has.logical_and(&had);
    let (got, want) = (got.masked_select(&both), want.masked_select(&both));
    report.holds(got.numel() > 0, || format!("{what}: nothing evaluated"));
    if tolerance.outliers == 0.0 {
        report.close(what, &got, &want, Tolerance::abs(tolerance.abs));
    } else if got.numel() > 0 {
        let off = (got - want).abs().gt(tolerance.abs).to_kind(Kind::Float).mean(None).double_value(&[]);
        report.holds(off <= tolerance.outliers, || format!("{what}: {:.3}% of the logits are off", off * 100.0));
    }
}

/// The surface of a field against the run's statistics, and against its stored mesh if there is one.
fn check_surface(case: &Case, name: &str, field: &Field, run: &Value, file: &Value, report: &mut Report) {
    let surface = field.to_mesh(level(run, file), VertexMapping::Reference);
    let decoder = options(run, file).decoder;
    check_run_measures(name, &surface, run, 1e-3, !matches!(decoder, Decoder::FlashVdm(_)), report);
    let stored = [format!("mesh.{name}.vertices"), format!("mesh.{name}.faces_raw")];
    if case.has(&stored[0]) {
        let expected = mesh(&case.tensor(&stored[0]), &case.tensor(&stored[1]));
        report.number(&format!("{name}: faces"), surface.faces.len() as f64, expected.faces.len() as f64, 0.002);
        let missing = unmatched_share(&expected.vertices, &surface.vertices, 1e-4);
        let extra = unmatched_share(&surface.vertices, &expected.vertices, 1e-4);
        report.holds(missing.max(extra) <= 0.002, || format!("{name}: {missing} of vertices missing, {extra} extra"));
    }
}

/// A mesh against a run's statistics; `size` is the relative tolerance of area and volume.
pub(crate) fn check_run_measures(
    name: &str,
    surface: &Mesh,
    run: &Value,
    size: f64,
    topology: bool,
    report: &mut Report,
) {
    let tolerance = MeasureTolerance { size, vertices: 0.002, bounds: 5.0 * size, topology };
    check_measures(name, &mesh::measure(surface), run, &tolerance, report);
}
