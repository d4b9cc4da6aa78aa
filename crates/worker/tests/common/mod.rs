//! A Redis, a blob directory, and workers as real processes.
#![allow(dead_code, unreachable_pub)] // each test file uses its part

use blobs::{BlobOptions, Blobs};
use bytes::Bytes;
use domain::{BlobId, Class, ImageToMesh, Job, JobEvent, JobId, JobRecord, JobState, MeshFormat, Parameters};
use image::{ImageFormat, Rgba, RgbaImage};
use queue::{Queue, RedisOptions};
use std::io::Cursor;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;
use test_support::{RedisServer, ServiceProcess, wait_until};

/// The longest time that a test waits for a condition.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The Hunyuan3D checkpoint that the repository ships.
pub fn hunyuan() -> PathBuf {
    let model = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/orfeas-tiny"));
    assert!(model.is_dir(), "{} is missing", model.display());
    model
}

/// A red ellipse on a transparent background, as a PNG file; each number gives another one.
pub fn picture(number: u32) -> RgbaImage {
    let (a, b) = (40.0 + 7.0 * f64::from(number % 5), 55.0 - 6.0 * f64::from(number % 4));
    RgbaImage::from_fn(128, 128, |x, y| {
        let (dx, dy) = ((f64::from(x) - 64.0) / a, (f64::from(y) - 64.0) / b);
        if dx * dx + dy * dy <= 1.0 { Rgba([200, 60 + (x / 2) as u8, 40, 255]) } else { Rgba([0; 4]) }
    })
}

/// A picture as a PNG file.
pub fn png(picture: &RgbaImage) -> Bytes {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner().into()
}

/// Parameters of a short job.
pub fn quick() -> Parameters {
    Parameters { steps: Some(4), seed: Some(7), octree_resolution: Some(32), ..Parameters::default() }
}

/// Parameters of a job that is long enough to be interrupted.
pub fn slow() -> Parameters {
    Parameters { steps: Some(200), ..quick() }
}

/// Redis, blobs and queue of one test.
pub struct World {
    pub redis: RedisServer,
    pub queue: Queue,
    pub blobs: Blobs,
    pub folder: tempfile::TempDir,
    /// The model directories of its workers.
    pub models: Vec<PathBuf>,
}

impl World {
    /// With a spheres model whose steps take 5 ms, so that a job can be interrupted.
    pub async fn new() -> Self {
        let mut world = Self::with_models(Vec::new()).await;
        world.models.push(world.spheres("spheres", r#"{"faults":[{"call":"step","kind":{"slow_ms":5}}]}"#));
        world
    }

    /// A model directory of the spheres family, with this configuration.
    pub fn spheres(&self, name: &str, config: &str) -> PathBuf {
        let dir = self.folder.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("spheres.json"), config).unwrap();
        dir
    }

    /// With these models.
    pub async fn with_models(models: Vec<PathBuf>) -> Self {
        let redis = RedisServer::start_durable();
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap();
        let blobs = Blobs::open(&BlobOptions::at(folder.path().join("blobs").to_str().unwrap())).unwrap();
        Self { redis, queue, blobs, folder, models }
    }

    /// A worker's command line, on the CPU unless `more` says otherwise.
    pub fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas-worker"));
        // Tests must not depend on the environment in which they run.
        command.env_clear().current_dir(self.folder.path());
        command.args([
            "--worker-name",
            name,
            "--device",
            "cpu",
            "--redis-url",
            &self.redis.url(),
            "--torch-threads",
            "1",
        ]);
        for model in &self.models {
            command.arg("--model").arg(model);
        }
        command.arg("--blobs").arg(self.folder.path().join("blobs")).args(more);
        command
    }

    /// A worker that takes jobs.
    pub async fn worker(&self, name: &str, more: &[&str]) -> ServiceProcess {
        let worker = ServiceProcess::spawn(&mut self.command(name, more));
        worker.wait_for_line("taking jobs", PATIENCE).await;
        worker
    }

    /// Runs a worker that is expected not to start.
    pub fn run(&self, more: &[&str]) -> Output {
        self.command("x", more).output().unwrap()
    }

    /// Submits a job.
    pub async fn submit(&self, image: Bytes, parameters: Parameters) -> JobId {
        self.submit_stored(self.blobs.put(image).await.unwrap(), parameters).await
    }

    /// Submits a job whose image is a blob.
    pub async fn submit_stored(&self, image: BlobId, parameters: Parameters) -> JobId {
        self.submit_spec(ImageToMesh::of_front(image, parameters)).await
    }

    /// Submits a job.
    pub async fn submit_spec(&self, spec: ImageToMesh) -> JobId {
        self.submit_steps(spec, Vec::new()).await
    }

    /// Submits a job of several steps.
    pub async fn submit_steps(&self, first: ImageToMesh, next: Vec<ImageToMesh>) -> JobId {
        let id = JobId::new();
        let job = Job {
            v: Job::VERSION,
            id,
            owner: "test".to_owned(),
            class: Class::User,
            batch: None,
            scenario: None,
            spec: first.into(),
            next: next.into_iter().map(Into::into).collect(),
            submitted_ms: 0,
            traceparent: None,
        };
        self.queue.submit(&job.into()).await.unwrap();
        id
    }

    /// A job's record.
    pub async fn record(&self, id: JobId) -> JobRecord {
        self.queue.record(id).await.unwrap().unwrap()
    }

    /// Waits for a job's end.
    pub async fn end(&self, id: JobId) -> JobRecord {
        let what = format!("the end of job {id}");
        wait_until(&what, PATIENCE, async || self.record(id).await.state.is_terminal()).await;
        self.record(id).await
    }

    /// Waits until a job has taken some steps.
    pub async fn under_way(&self, id: JobId) {
        wait_until("a job that takes steps", PATIENCE, async || {
            self.record(id).await.progress.and_then(|progress| progress.step).is_some_and(|step| step > 2)
        })
        .await;
    }

    /// All events of a job that has ended.
    pub async fn events(&self, id: JobId) -> Vec<JobEvent> {
        use tokio_stream::StreamExt;
        let events = self.queue.watch(id, None).map(|event| event.unwrap().1).collect::<Vec<_>>();
        tokio::time::timeout(PATIENCE, events).await.expect("the events of an ended job end")
    }

    /// The states of a job in order, with their attempts.
    pub async fn story(&self, id: JobId) -> Vec<(JobState, u32)> {
        let mut story: Vec<_> = self.events(id).await.iter().map(|event| (event.state, event.attempt)).collect();
        story.dedup();
        story
    }

    /// A result's mesh file.
    pub async fn mesh(&self, record: &JobRecord) -> Bytes {
        self.blobs.get(&record.result.as_ref().unwrap().artifact("mesh").unwrap().blob).await.unwrap()
    }
}

/// Whether a file begins like one of its format.
pub fn looks_like(format: MeshFormat, bytes: &[u8]) -> bool {
    match format {
        MeshFormat::GLB => bytes.starts_with(b"glTF"),
        MeshFormat::OBJ => std::str::from_utf8(bytes).is_ok_and(|text| text.lines().any(|line| line.starts_with("f "))),
        _ => bytes.len() > 84 && (bytes.len() - 84).is_multiple_of(50),
    }
}

/// The peak resident memory of a process, in bytes.
pub fn peak_memory(worker: &ServiceProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}

/// A small file system, mounted for one test.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts a file system of 1 MB at `path`; `None` without the permission.
    pub fn mount(path: &std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        let output = mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(path).output().ok()?;
        output.status.success().then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
