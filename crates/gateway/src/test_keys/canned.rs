//! The result of every simulated job: a small figure, written by the writers of the crate `mesh`
//! (`cargo run -p mesh --example write_samples`, `figure_600`).

use blobs::Blobs;
use bytes::Bytes;
use domain::{Artifact, Job, MeshFormat, Parameters, Quality, ResultRecord, StageTiming};

const GLB: &[u8] = include_bytes!("canned/figure.glb");
const OBJ: &[u8] = include_bytes!("canned/figure.obj");
const STL: &[u8] = include_bytes!("canned/figure.stl");
const THUMBNAIL: &[u8] = include_bytes!("canned/figure.png");
const QUALITY: &str = include_str!("canned/quality.json");

/// Denoising steps when the request names none.
pub(super) const DEFAULT_STEPS: u32 = 20;

/// The result of a job, with its files in the blob store.
pub(super) async fn result(job: &Job, blobs: &Blobs, timings: Vec<StageTiming>) -> Result<ResultRecord, blobs::Error> {
    let defaults = Parameters::default();
    let parameters = job.parameters().unwrap_or(&defaults);
    let (mesh, format) = match parameters.format.unwrap_or_default() {
        MeshFormat::OBJ => (OBJ, MeshFormat::OBJ),
        MeshFormat::STL => (STL, MeshFormat::STL),
        _ => (GLB, MeshFormat::GLB),
    };
    let artifact = async |role: &str, media_type: &str, file: &'static [u8]| {
        let (role, media_type, bytes) = (role.to_owned(), media_type.to_owned(), file.len() as u64);
        Ok(Artifact { role, media_type, bytes, blob: blobs.put(Bytes::from_static(file)).await? })
    };
    Ok(ResultRecord {
        artifacts: vec![
            artifact(Artifact::MESH, format.media_type(), mesh).await?,
            artifact(Artifact::THUMBNAIL, "image/png", THUMBNAIL).await?,
        ],
        format,
        quality: quality(),
        timings,
        model: job.spec.image_to_mesh().and_then(|spec| spec.model.clone()).unwrap_or_else(|| "test".to_owned()),
        model_digest: String::new(),
        seed: parameters.seed.unwrap_or_default(),
        steps: parameters.steps.unwrap_or(DEFAULT_STEPS),
        guidance_scale: parameters.guidance_scale.unwrap_or(5.0),
        octree_resolution: parameters.octree_resolution.unwrap_or(64),
        batch_size: 1,
        warnings: Vec::new(),
    })
}

fn quality() -> Quality {
    serde_json::from_str(QUALITY).expect("the canned quality is one. This is a bug.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_measures_are_those_of_the_mesh() {
        let quality = quality();
        assert_eq!(STL.len() as u64, 84 + 50 * quality.faces);
        let text = std::str::from_utf8(OBJ).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with("v ")).count() as u64, quality.vertices);
        assert!(GLB.starts_with(b"glTF") && THUMBNAIL.starts_with(b"\x89PNG"));
    }
}
