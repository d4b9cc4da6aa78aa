//! Loading the models of a worker.

use crate::app::Error;
use crate::options::ModelOptions;
use crate::{families, metrics};
use model::Model;
use std::path::Path;
use std::time::Instant;

/// Loads the models, one after the other, on a thread of their own.
///
/// # Errors
/// [`Error::Model`], [`Error::System`].
pub(crate) async fn load(options: ModelOptions) -> Result<Vec<Box<dyn Model>>, Error> {
    let load = move || {
        let mut models: Vec<Box<dyn Model>> = Vec::new();
        for dir in &options.model {
            let loaded = load_one(dir, &options)?;
            let name = &loaded.info().name;
            if let Err(error) = domain::check_name(name) {
                let source = format!("the name of its directory: {error}").into();
                return Err(Error::Model { dir: dir.clone(), source });
            }
            if models.iter().any(|model| model.info().name == *name) {
                let source = "another model has the same name, the name of its directory".into();
                return Err(Error::Model { dir: dir.clone(), source });
            }
            models.push(loaded);
        }
        Ok(models)
    };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Not on the runtime's pool: a SIGTERM would then wait for the model.
    std::thread::Builder::new().name("load".to_owned()).spawn(move || drop(sender.send(load())))?;
    receiver.await.map_err(|_| std::io::Error::other("loading a model panicked"))?
}

fn load_one(dir: &Path, options: &ModelOptions) -> Result<Box<dyn Model>, Error> {
    let start = Instant::now();
    let failed = |source| Error::Model { dir: dir.to_owned(), source };
    let model = families::load(dir, &options.load_options()).map_err(failed)?;
    let took = start.elapsed();
    metrics::loaded(&*model, took);
    let info = model.info();
    tracing::info!(
        model = info.name,
        family = info.family,
        device = model.device(),
        dtype = model.dtype(),
        digest = info.digest,
        seconds = took.as_secs_f64(),
        "model loaded"
    );
    Ok(model)
}
