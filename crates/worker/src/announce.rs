//! What a worker announces: its models and what it can do.

use crate::context::WorkerContext;
use crate::engine::Engine;
use crate::image_to_mesh;
use domain::{Capability, LEVEL, ModelInfo, WorkerInfo};

/// The announcement of a worker.
pub(crate) fn worker_info(context: &WorkerContext, name: &str, slots: u16) -> WorkerInfo {
    let default = context.engines.get(None).map(|engine| engine.info().name.as_str());
    let model = |engine: &Engine| ModelInfo {
        is_default: Some(engine.info().name.as_str()) == default,
        max_octree_resolution: image_to_mesh::finest_grid(context, engine),
        stages: image_to_mesh::stages_of(&engine.info().stages),
        ..engine.info().clone()
    };
    let models: Vec<ModelInfo> = context.engines.iter().map(model).collect();
    WorkerInfo {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: slots.into(),
        capabilities: models.iter().map(capability).collect(),
        models,
    }
}

fn capability(model: &ModelInfo) -> Capability {
    Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: model.name.clone(),
        is_default_model: model.is_default,
        multi_view: model.multi_view,
        max_grid: model.max_octree_resolution,
    }
}
