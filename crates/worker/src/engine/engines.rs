//! The models of a worker.

use super::{BatchOptions, Engine, EngineFault};
use model::Model;
use std::future::poll_fn;
use std::task::Poll;

/// One engine for each model; the first is the default. Their jobs share the worker's slots (decision 0012).
pub struct Engines(Vec<Engine>);

impl Engines {
    /// Starts an engine for each model. There must be one at least.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(models: Vec<Box<dyn Model>>, options: BatchOptions) -> std::io::Result<Self> {
        if models.is_empty() {
            return Err(std::io::Error::other("a worker needs a model"));
        }
        models.into_iter().map(|model| Engine::start(model, options)).collect::<Result<_, _>>().map(Self)
    }

    /// The engine of the model of this name; without a name, that of the default model.
    pub fn get(&self, model: Option<&str>) -> Option<&Engine> {
        match model {
            None => self.0.first(),
            Some(name) => self.0.iter().find(|engine| engine.info().name == name),
        }
    }

    /// All engines, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Engine> {
        self.0.iter()
    }

    /// As [`Engine::stop`], for all.
    pub fn stop(&self) {
        self.0.iter().for_each(Engine::stop);
    }

    /// As [`Engine::leave`], for all.
    pub async fn leave(&self) {
        self.stop();
        for engine in &self.0 {
            engine.leave().await;
        }
    }

    /// Why an engine can do no more work, if one cannot.
    pub fn fault(&self) -> Option<EngineFault> {
        self.0.iter().find_map(Engine::fault)
    }

    /// Resolves when one of the engines can do no more work.
    pub async fn faulted(&self) -> EngineFault {
        let mut all: Vec<_> = self.0.iter().map(|engine| Box::pin(engine.faulted())).collect();
        poll_fn(|context| {
            let ready = all.iter_mut().find_map(|fault| match fault.as_mut().poll(context) {
                Poll::Ready(fault) => Some(fault),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
