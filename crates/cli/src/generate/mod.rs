//! `orfeas generate`: pictures in, meshes out, through the HTTP API.

mod api;
mod bars;
mod events;
mod follow;
mod options;
mod output;

pub use options::{Options, ParameterOptions, ServerOptions};

use crate::Error;
use anyhow::Context;
use api::Api;
use bars::Bars;
use domain::{JobState, MeshFormat, Parameters};
use futures_util::StreamExt;
use output::Order;
use std::path::Path;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Makes a mesh of each picture. One that fails does not keep the others from being made; the first failure is
/// returned, the others are printed.
///
/// # Errors
/// A command line that makes no sense, a service that is not there or refuses, a job that failed, Ctrl-C.
pub async fn generate(options: &Options) -> Result<(), Error> {
    let (format, orders) = output::orders(options)?;
    let parameters = options.parameters.parameters(format)?;
    for order in &orders {
        if !order.picture.is_file() {
            return Err(Error::Usage(format!("there is no picture {}", order.picture.display())));
        }
    }
    let api = Api::new(&options.server)?;
    let bars = Bars::new(options.quiet);
    let interrupted = CancellationToken::new();
    let signal = interrupted.clone();
    tokio::spawn(async move {
        // Where Ctrl-C cannot be caught it ends the process as usual.
        if tokio::signal::ctrl_c().await.is_ok() {
            signal.cancel();
        }
    });

    let several = orders.len() > 1;
    let made = futures_util::stream::iter(&orders).map(|order| {
        let (api, bars, parameters, interrupted) = (&api, &bars, &parameters, &interrupted);
        async move { (order, make(api, bars, order, parameters, interrupted).await) }
    });
    let mut made = made.buffer_unordered(usize::from(options.parallel));
    let mut first = None;
    while let Some((order, outcome)) = made.next().await {
        match outcome {
            Ok(line) => bars.line(&line),
            Err(error) => {
                let error = if several { named(error, &order.picture) } else { error };
                match first {
                    None => first = Some(error),
                    Some(Error::Interrupted) => {}
                    Some(_) => eprintln!("orfeas: {error}"),
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// With several pictures, an error says whose it is.
fn named(error: Error, picture: &Path) -> Error {
    let picture = picture.display();
    match error {
        Error::Job(line) => Error::Job(format!("{picture}: {line}")),
        Error::Refused(line) => Error::Refused(format!("{picture}: {line}")),
        Error::Unavailable(line) => Error::Unavailable(format!("{picture}: {line}")),
        Error::Other(error) => Error::Other(error.context(picture.to_string())),
        error @ (Error::Usage(_) | Error::Interrupted) => error,
    }
}

/// Makes one mesh and writes its files; returns a line about it.
async fn make(
    api: &Api,
    bars: &Bars,
    order: &Order,
    parameters: &Parameters,
    interrupted: &CancellationToken,
) -> Result<String, Error> {
    if interrupted.is_cancelled() {
        return Err(Error::Interrupted);
    }
    let start = Instant::now();
    let bar = bars.add(&order.picture);
    let job = api.submit(&order.picture, parameters).await?;
    if let Some(position) = job.position {
        bar.say(format!("waiting, {position} in line"));
    }
    let end = tokio::select! {
        end = follow::follow(api, &job.job_id, |standing| bar.show(standing)) => end?,
        () = interrupted.cancelled() => {
            api.cancel(&job.job_id).await;
            return Err(Error::Interrupted);
        }
    };
    match end.status {
        JobState::Succeeded => {}
        JobState::Cancelled => return Err(Error::Job("the job was cancelled".to_owned())),
        JobState::Failed | JobState::Queued | JobState::Running => {
            let why = end.failure.map_or_else(
                || "the job failed".to_owned(),
                |failure| format!("the job failed: {} ({})", failure.detail, failure.code),
            );
            return Err(Error::Job(why));
        }
    }

    bar.say("download");
    write(&order.mesh, &api.file(&job.job_id, "result").await?).await?;
    if let Some(path) = &order.thumbnail {
        write(path, &api.file(&job.job_id, "thumbnail").await?).await?;
    }
    let record = api.job(&job.job_id).await?;
    if let Some(path) = &order.record {
        let json = serde_json::to_vec_pretty(&record).context("the job's record")?;
        write(path, &json).await?;
    }
    Ok(summary(order, parameters.format.unwrap_or_default(), &record, start.elapsed().as_secs_f64()))
}

fn summary(order: &Order, format: MeshFormat, record: &serde_json::Value, seconds: f64) -> String {
    let quality = &record["result"]["quality"];
    let tight = if quality["watertight"] == true { "watertight" } else { "not watertight" };
    format!(
        "{}: {} faces, {tight}, {} KiB {}, {seconds:.1} s",
        order.mesh.display(),
        quality["faces"],
        record["result"]["artifacts"][0]["bytes"].as_u64().unwrap_or_default().div_ceil(1024),
        format.extension().to_uppercase(),
    )
}

/// Writes a file, making its folder if need be. It is never seen half-written.
async fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let cannot = || path.display().to_string();
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await.with_context(cannot)?;
    }
    let beside = path.with_added_extension("part");
    tokio::fs::write(&beside, bytes).await.with_context(cannot)?;
    tokio::fs::rename(&beside, path).await.with_context(cannot)?;
    Ok(())
}
