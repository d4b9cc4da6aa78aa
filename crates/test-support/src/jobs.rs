//! Jobs, results and workers as examples.

use domain::{
    Artifact, BlobId, Capability, Class, ImageToMesh, Job, JobId, LEVEL, MeshFormat, Parameters, Quality, ResultRecord,
    WorkerInfo,
};

/// A new job of a tenant. Its image is not stored anywhere.
///
/// # Panics
/// Never: the id of the image is valid.
pub fn job(owner: &str, class: Class) -> Job {
    let parameters = Parameters { seed: Some(7), steps: Some(20), ..Parameters::default() };
    Job {
        v: Job::VERSION,
        id: JobId::new(),
        owner: owner.to_owned(),
        class,
        batch: None,
        scenario: None,
        spec: ImageToMesh::of_front("0".repeat(64).parse().expect("the id of a blob"), parameters).into(),
        next: Vec::new(),
        submitted_ms: 1_750_000_000_000,
        traceparent: None,
    }
}

/// The result of [`job`]: a cube, with a mesh of this many bytes.
pub fn result(mesh: BlobId, thumbnail: BlobId, format: MeshFormat, bytes: u64) -> ResultRecord {
    ResultRecord {
        artifacts: vec![Artifact::mesh(mesh, format, bytes), Artifact::thumbnail(thumbnail, 15)],
        format,
        quality: Quality {
            vertices: 8,
            faces: 12,
            watertight: true,
            euler_number: 2,
            components: 1,
            area: 24.0,
            volume: 8.0,
            bounding_box: [[-1.0; 3], [1.0; 3]],
            degenerate_faces: 0,
            boundary_edges: 0,
        },
        timings: Vec::new(),
        model: "test".to_owned(),
        model_digest: String::new(),
        seed: 7,
        steps: 20,
        guidance_scale: 5.0,
        octree_resolution: 128,
        batch_size: 1,
        warnings: Vec::new(),
    }
}

/// A worker that can run every job.
pub fn worker_info() -> WorkerInfo {
    let capability = Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: "tiny".to_owned(),
        is_default_model: true,
        multi_view: true,
        max_grid: 512,
    };
    WorkerInfo { name: "w".to_owned(), slots: 1, capabilities: vec![capability], ..WorkerInfo::default() }
}
