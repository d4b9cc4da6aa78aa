//! What a worker announces: its models and what it can do.

use crate::context::WorkerContext;
use crate::engine::Engine;
use crate::image_to_mesh;
use domain::{Capability, LEVEL, ModelInfo, WorkerInfo};

/// The announcement of a worker.
pub(crate) fn worker_info(context: &WorkerContext, name: &str, slots: u16) -> WorkerInfo {
    let default = context.engines.get(None).map(|engine| engine.info().name.as_str());
    let model = |engine: &Engine| {
        let info = engine.info();
        let finest = image_to_mesh::finest_grid(context, engine);
        let mut model = ModelInfo {
            is_default: Some(info.name.as_str()) == default,
            max_octree_resolution: finest,
            octree_resolution: info.octree_resolution.min(finest),
            stages: image_to_mesh::stages_of(&info.stages),
            ..info.clone()
        };
        // The queue compares grids in classes, so finer grids than this would not reach the worker.
        model.max_octree_resolution = capability(&model).grid_class();
        model
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
