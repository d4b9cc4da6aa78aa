//! `orfeas generate`: images in, meshes out, through the HTTP API.

mod api;
mod events;
mod follow;
mod options;
mod parameters;
mod plan;
mod progress;
mod running;

pub use options::{Options, ViewOptions};
pub use parameters::ParameterOptions;

use crate::server::Server;
use crate::session::Session;
use crate::{Error, terminal};
use anyhow::Context;
use api::Api;
use domain::{JobState, MeshFormat, Parameters};
use futures_util::StreamExt;
use plan::{Image, Task};
use progress::{JobProgress, Progress};
use running::RunningJobs;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Makes a mesh of each image. A job that fails does not stop the others; the first failure is returned, the others are
/// printed.
///
/// # Errors
/// A wrong command line, a server that is missing or refuses, a job that failed, Ctrl-C.
pub async fn generate(options: &Options) -> Result<(), Error> {
    let (format, tasks) = plan::plan(options)?;
    let run = Arc::new(Run {
        api: Api { server: Server::find(&options.server)? },
        parameters: options.parameters.with_format(format),
        model: options.model.clone(),
        format,
        progress: Progress::new(options.quiet),
        running: RunningJobs::default(),
        is_to_stdout: tasks.iter().any(|task| task.mesh.is_none()),
        data: options.server.data.clone(),
    });
    plan::make_folders(&tasks)?;
    let jobs = make_all(&run, tasks, usize::from(options.parallel));
    tokio::select! {
        outcome = jobs => outcome,
        Ok(()) = tokio::signal::ctrl_c() => {
            let cancel = tokio::task::spawn_blocking(move || run.running.cancel(&run.api));
            let _ = cancel.await;
            Err(Error::Interrupted)
        }
    }
}

async fn make_all(run: &Arc<Run>, tasks: Vec<Task>, parallel: usize) -> Result<(), Error> {
    let several = tasks.len() > 1;
    let jobs = futures_util::stream::iter(tasks).map(|task| {
        let (run, name) = (Arc::clone(run), task.name());
        // Each job blocks a thread of the runtime's pool.
        async move { (name, tokio::task::spawn_blocking(move || run.make(&task)).await) }
    });
    let mut jobs = jobs.buffer_unordered(parallel);
    let mut first = None;
    while let Some((name, outcome)) = jobs.next().await {
        let outcome = match outcome.context("a job's thread panicked")? {
            // With -o - standard output is the mesh's.
            Ok(line) if run.is_to_stdout => {
                run.progress.note(&line);
                Ok(())
            }
            Ok(line) => run.progress.print(&line),
            Err(error) => Err(if several { error.about(name) } else { error }),
        };
        if let Err(error) = outcome {
            match first {
                None => first = Some(error),
                Some(_) if error.code() == 0 => {}
                Some(_) => terminal::note(format_args!("orfeas: {error}")),
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// What all jobs of a run share.
struct Run {
    api: Api,
    parameters: Parameters,
    model: Option<String>,
    format: MeshFormat,
    progress: Progress,
    running: RunningJobs,
    is_to_stdout: bool,
    data: PathBuf,
}

impl Run {
    /// Makes one mesh and writes its files; returns a line about it.
    fn make(&self, task: &Task) -> Result<String, Error> {
        let start = Instant::now();
        let mut progress = self.progress.add(&task.name());
        let bytes = task.images.iter().map(Image::read).collect::<Result<Vec<_>, _>>()?;
        let submit = || self.api.submit(&task.images, &bytes, self.model.as_deref(), &self.parameters);
        let id = self.running.submit(submit, |accepted| &accepted.job_id)?.job_id;
        drop(bytes);
        let end = follow::follow(&self.api, &id, |job| {
            progress.show(job);
            self.warn_of_local_problems(&mut progress, job.status);
        });
        self.running.ended(&id);
        let end = end?;
        match (end.status, end.failure) {
            (JobState::Succeeded, _) => {}
            (JobState::Cancelled, _) => return Err(Error::Job("the job was cancelled".to_owned())),
            (_, Some(failure)) => {
                return Err(Error::Job(format!("the job failed: {} ({})", failure.detail, failure.code)));
            }
            (_, None) => return Err(Error::Job("the job failed".to_owned())),
        }

        progress.say("download");
        let mesh = self.api.file(&id, "result")?;
        if let Some(path) = &task.thumbnail {
            write(path, &self.api.file(&id, "thumbnail")?)?;
        }
        let record = self.api.job(&id)?;
        if let Some(path) = &task.record {
            write(path, &serde_json::to_vec_pretty(&record).map_err(anyhow::Error::from)?)?;
        }
        let line = self.summary(task, &record, mesh.len(), start.elapsed().as_secs_f64());
        match &task.mesh {
            Some(path) => write(path, &mesh)?,
            None => terminal::print_bytes(&mesh)?,
        }
        Ok(line)
    }

    /// While a job waits at a local `orfeas up`, reports which of its programs does not stay up, and why.
    fn warn_of_local_problems(&self, progress: &mut JobProgress, state: JobState) {
        if state != JobState::Queued || !self.api.server.is_local {
            return;
        }
        let problems = Session::find(&self.data).map(|session| session.problems).unwrap_or_default();
        for (name, problem) in &problems {
            progress.warn(&format!("waiting: {name} does not stay up: {problem}"));
        }
    }

    fn summary(&self, task: &Task, record: &serde_json::Value, bytes: usize, seconds: f64) -> String {
        let quality = &record["result"]["quality"];
        let tight = if quality["watertight"] == true { "watertight" } else { "not watertight" };
        let name = task.mesh.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        format!(
            "{name}: {} faces, {tight}, {} KiB {}, {seconds:.1} s",
            quality["faces"],
            bytes.div_ceil(1024),
            self.format.extension().to_uppercase(),
        )
    }
}

/// Writes a file under its name only when it is complete. A device or a pipe is written as it is.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let name = || path.display().to_string();
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Ok(fs::write(path, bytes).with_context(name)?);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The usual permissions, less what the umask takes away.
    let mut builder = tempfile::Builder::new();
    let mut file = builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder).with_context(name)?;
    file.write_all(bytes).and_then(|()| file.flush()).with_context(name)?;
    file.persist(path).map_err(|error| error.error).with_context(name)?;
    Ok(())
}
