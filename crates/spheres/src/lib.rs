//! A model family without weights: every image becomes a sphere. It needs no framework and no device, and takes
//! microseconds, so services can be tried and tested with it; it is also the worked example of `docs/engines.md`.
//!
//! The more of an image is visible, the larger is the sphere; the seed moves its centre. The radius grows with each step
//! until it is right after the last. A model directory is a file `spheres.json`, see `config.rs`; `{}` is a valid one. It may
//! also plan [`Fault`]s.

mod config;
mod fault;

use config::Config;
use domain::{ModelInfo, StageInfo, View};
use fault::Faults;
use image::RgbaImage;
use model::{
    Bounds, Cost, Error, Family, Field, LoadError, LoadOptions, Model, Prepared, Preprocess, Row, SampleRequest,
    Values, Work,
};
use std::path::Path;
use std::sync::Arc;

pub use config::{Fault, FaultKind};

/// Directories with a file `spheres.json`.
pub const FAMILY: Family = Family { name: "spheres", recognises, load };

fn recognises(dir: &Path) -> bool {
    dir.join(Config::FILE).is_file()
}

fn load(dir: &Path, _: &LoadOptions) -> Result<Box<dyn Model>, LoadError> {
    let (config, digest) = Config::read(dir)?;
    let name = dir.canonicalize()?.file_name().map(|name| name.to_string_lossy().into_owned());
    let info = ModelInfo {
        name: name.unwrap_or_default(),
        family: FAMILY.name.to_owned(),
        digest,
        licence: Some("apache-2.0".to_owned()),
        multi_view: config.multi_view,
        steps: config.steps,
        guidance_scale: 1.0,
        octree_resolution: config.octree_resolution,
        max_octree_resolution: config.max_octree_resolution,
        stages: [("preprocess", 1.0), ("encode", 1.0), ("denoise", 4.0), ("decode", 2.0)]
            .map(|(name, weight)| StageInfo::new(name, weight))
            .into(),
        ..ModelInfo::default()
    };
    Ok(Box::new(Spheres { info, faults: Arc::new(Faults::new(config.faults)) }))
}

/// A loaded directory.
struct Spheres {
    info: ModelInfo,
    faults: Arc<Faults>,
}

/// A preprocessed job; also what [`Sphere`] starts from.
#[derive(Clone)]
struct Target {
    centre: [f32; 3],
    radius: f32,
    seed: u64,
    steps: u32,
}

/// A sphere that grows. The state that a real model would keep on its device.
struct Sphere {
    target: Target,
    step: u32,
    faults: Arc<Faults>,
}

impl Row for Sphere {
    fn step(&self) -> u32 {
        self.step
    }

    fn steps(&self) -> u32 {
        self.target.steps
    }
}

impl Drop for Sphere {
    fn drop(&mut self) {
        self.faults.on_drop(self.target.seed);
    }
}

struct Preprocessor {
    multi_view: bool,
}

impl Preprocess for Preprocessor {
    fn preprocess(&self, images: &[(View, RgbaImage)], request: &SampleRequest) -> Result<Prepared, Error> {
        let is_front = matches!(images, [(View::Front, _)]);
        if !is_front && (!self.multi_view || images.is_empty()) {
            return Err(Error::Invalid("this model takes one image, of the front".to_owned()));
        }
        if request.steps == 0 || !request.guidance_scale.is_finite() {
            return Err(Error::Invalid("steps must be at least 1, and guidance_scale a number".to_owned()));
        }
        let pixels = images.iter().flat_map(|(_, image)| image.pixels());
        let (visible, all) =
            pixels.fold((0u64, 0u64), |(visible, all), pixel| (visible + u64::from(pixel.0[3] > 0), all + 1));
        if visible == 0 {
            return Err(Error::Image("nothing is visible in the image".to_owned()));
        }
        let share = visible as f32 / all as f32;
        // Bits of the seed, spread by a multiplication with the golden ratio of 2^64, to [-0.2, 0.2].
        let spread = request.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let centre = [0, 21, 42].map(|shift| ((spread >> shift & 0x1f_ffff) as f32 / 2_097_152.0 - 0.5) * 0.4);
        let target = Target { centre, radius: 0.2 + 0.5 * share, seed: request.seed, steps: request.steps };
        Ok(Prepared::new(target))
    }

    fn cost(&self, _: usize, octree_resolution: u32) -> Cost {
        let points = (f64::from(octree_resolution) + 1.0).powi(3);
        let little = Work { flops: 1.0, bytes: 0 };
        let decode = Work { flops: 10.0 * points, bytes: 4 * points as u64 };
        Cost { encode: little, step: little, decode, field_bytes: 12 * points as u64 }
    }
}

impl Model for Spheres {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn device(&self) -> &str {
        "cpu"
    }

    fn dtype(&self) -> &str {
        "f32"
    }

    fn preprocessor(&self) -> Arc<dyn Preprocess> {
        Arc::new(Preprocessor { multi_view: self.info.multi_view })
    }

    fn encode(&self, inputs: &[&Prepared]) -> Result<Vec<Box<dyn Row>>, Error> {
        let targets = inputs.iter().map(|input| input.downcast_ref::<Target>()).collect::<Result<Vec<_>, _>>()?;
        self.faults.on_call("encode", targets.iter().map(|target| target.seed), &|| true)?;
        let row = |target: &Target| Sphere { target: target.clone(), step: 0, faults: Arc::clone(&self.faults) };
        Ok(targets.into_iter().map(|target| Box::new(row(target)) as Box<dyn Row>).collect())
    }

    fn step(&self, rows: &mut [&mut dyn Row]) -> Result<(), Error> {
        let rows = rows.iter_mut().map(|row| row.downcast_mut::<Sphere>());
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        self.faults.on_call("step", rows.iter().map(|row| row.target.seed), &|| true)?;
        for row in &mut rows {
            row.step = (row.step + 1).min(row.target.steps);
        }
        Ok(())
    }

    fn decode(
        &self,
        row: &dyn Row,
        octree_resolution: u32,
        proceed: &(dyn Fn() -> bool + Sync),
    ) -> Result<Field, Error> {
        let Sphere { target, step, .. } = row.downcast_ref::<Sphere>()?;
        self.faults.on_call("decode", std::iter::once(target.seed), proceed)?;
        let bounds = Bounds::default();
        let points = octree_resolution as usize + 1;
        let size = (bounds.max[0] - bounds.min[0]) / octree_resolution as f32;
        let radius = target.radius * *step as f32 / target.steps as f32;
        let squared = |axis: usize, i: usize| (bounds.min[axis] + i as f32 * size - target.centre[axis]).powi(2);
        let mut values = Vec::with_capacity(points.pow(3));
        for x in 0..points {
            if !proceed() {
                return Err(Error::Abandoned);
            }
            for y in 0..points {
                let from_axis = squared(0, x) + squared(1, y);
                values.extend((0..points).map(|z| radius - (from_axis + squared(2, z)).sqrt()));
            }
        }
        Ok(Field { values: Values::Dense(values), shape: [points; 3], bounds, octree_resolution })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use model::VertexMapping;

    fn model(config: &str) -> Box<dyn Model> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("spheres.json"), config).unwrap();
        assert!((FAMILY.recognises)(dir.path()));
        (FAMILY.load)(dir.path(), &LoadOptions::default()).unwrap()
    }

    fn prepared(model: &dyn Model, view: View, steps: u32, seed: u64) -> Result<Prepared, Error> {
        let image = RgbaImage::from_fn(8, 8, |x, _| image::Rgba([0, 0, 0, if x < 4 { 255 } else { 0 }]));
        model.preprocessor().preprocess(&[(view, image)], &SampleRequest { steps, guidance_scale: 1.0, seed })
    }

    #[test]
    fn a_row_of_a_batch_equals_the_row_alone() {
        let model = model("{}");
        let inputs = [1, 2, 3].map(|seed| prepared(&*model, View::Front, 4, seed).unwrap());
        let run = |inputs: &[&Prepared]| {
            let mut rows = model.encode(inputs).unwrap();
            while rows.iter().any(|row| !row.is_done()) {
                model.step(&mut rows.iter_mut().map(|row| &mut **row).collect::<Vec<_>>()).unwrap();
            }
            let fields = rows.iter().map(|row| model.decode(&**row, 24, &|| true).unwrap());
            fields.map(|field| field.to_mesh(0.0, VertexMapping::Corrected)).collect::<Vec<_>>()
        };
        let together = run(&inputs.each_ref());
        let alone: Vec<_> = inputs.iter().flat_map(|input| run(&[input])).collect();
        assert_eq!(together, alone);
        assert_ne!(together[0], together[1]);
        // Half of the image is visible, so the radius is 0.45.
        let extent = |axis: usize| {
            let coordinates = together[0].vertices.iter().map(|vertex| vertex[axis]);
            coordinates.clone().fold(f32::MIN, f32::max) - coordinates.fold(f32::MAX, f32::min)
        };
        assert!((0..3).all(|axis| (extent(axis) - 0.9).abs() < 0.02), "{}", extent(0));
    }

    #[test]
    fn views_are_for_multi_view_models() {
        let (single, multi) = (model("{}"), model(r#"{"multi_view":true}"#));
        assert!(matches!(prepared(&*single, View::Back, 4, 1), Err(Error::Invalid(_))));
        assert!(prepared(&*multi, View::Back, 4, 1).is_ok());
        assert!(matches!(prepared(&*multi, View::Front, 0, 1), Err(Error::Invalid(_))));
    }

    #[test]
    fn planned_faults_occur_where_they_are_planned() {
        let model = model(
            r#"{"faults":[{"call":"step","nth":2,"kind":"out_of_memory","rows_above":1},
                          {"call":"decode","kind":"fail","seed":2}]}"#,
        );
        let inputs = [1, 2].map(|seed| prepared(&*model, View::Front, 2, seed).unwrap());
        let mut rows = model.encode(&inputs.each_ref()).unwrap();
        let step =
            |rows: &mut [Box<dyn Row>]| model.step(&mut rows.iter_mut().map(|row| &mut **row).collect::<Vec<_>>());
        step(&mut rows).unwrap();
        assert!(matches!(step(&mut rows), Err(Error::OutOfMemory(_))));
        assert_eq!(rows[0].step(), 1, "a failed step moves no row");
        step(&mut rows[..1]).unwrap();
        step(&mut rows[1..]).unwrap();
        assert!(model.decode(&*rows[0], 16, &|| true).is_ok());
        assert!(matches!(model.decode(&*rows[1], 16, &|| true), Err(Error::Failed(_))));
        assert!(matches!(model.decode(&*rows[0], 16, &|| false), Err(Error::Abandoned)));
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!(FAMILY.recognises)(dir.path()));
        for wrong in ["", "{", r#"{"stepz":3}"#, r#"{"faults":[{"call":"step"}]}"#] {
            std::fs::write(dir.path().join("spheres.json"), wrong).unwrap();
            assert!((FAMILY.load)(dir.path(), &LoadOptions::default()).is_err(), "{wrong}");
        }
    }
}
