//! `GET .../models`: the models that requests can name.

use super::limits::Range;
use crate::submit::SubmitService;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::{FORMATS, ModelInfo, PARAMETERS};
use http_api::{Authenticated, Problem};
use serde::Serialize;
use utoipa::ToSchema;

/// The models, and what every request may ask of them.
#[derive(Debug, Serialize, ToSchema)]
struct Models {
    /// The models that live workers have loaded, by name. While no worker is alive, those that were seen last.
    models: Vec<Model>,
    /// The ranges of the parameters. A model's own `max_octree_resolution` may be lower.
    parameters: Vec<Range>,
    /// The formats of meshes; the first is the default.
    formats: Vec<Format>,
}

/// A model, with the values that it uses for parameters that a request leaves out.
#[derive(Debug, Serialize, ToSchema)]
struct Model {
    /// What its workers announce.
    #[serde(flatten)]
    info: ModelInfo,
    /// Live workers that have it loaded; jobs wait while there is none.
    workers: usize,
}

/// A format of meshes.
#[derive(Debug, Serialize, ToSchema)]
struct Format {
    /// The name in requests.
    name: &'static str,
    /// The media type.
    media_type: &'static str,
    /// The format, for people.
    title: &'static str,
}

/// List the models
///
/// The field `model` of a request names one of them; without it the default one is used.
#[utoipa::path(tag = "models", responses((status = 200, description = "All models", body = Models)))]
#[get("/models")]
pub(super) async fn models(_caller: Authenticated, service: web::Data<SubmitService>) -> Result<HttpResponse, Problem> {
    let fleet = service.workers.fleet(&service.queue).await?;
    let models = Models {
        models: fleet.models.iter().map(|(info, workers)| Model { info: info.clone(), workers: *workers }).collect(),
        parameters: PARAMETERS.iter().map(Range::from).collect(),
        formats: FORMATS
            .iter()
            .map(|format| Format { name: format.name, media_type: format.media_type, title: format.title })
            .collect(),
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(models))
}
