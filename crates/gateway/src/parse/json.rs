//! Bodies of JSON: images as base64 or data URIs, beside the parameters.

use super::ParsedRequest;
use super::batch::{check_size, item, part};
use super::draft::Draft;
use super::fields::{self, IMAGES, Place};
use crate::json::object;
use http_api::Problem;
use serde_json::Value;

pub(super) fn single(body: &[u8], charset: Option<&str>) -> Result<ParsedRequest, Problem> {
    let mut draft = Draft::new(Place::Single);
    draft.set_all(object(body, charset)?)?;
    Ok(ParsedRequest { cache: draft.cache(), jobs: vec![draft.finish()?] })
}

pub(super) fn batch(body: &[u8], charset: Option<&str>, most: usize) -> Result<ParsedRequest, Problem> {
    let (mut shared, mut images) = (Draft::new(Place::Batch), Vec::new());
    let mut fields = object(body, charset)?;
    Place::Batch.check(fields.iter().map(|(name, _)| name.as_str()))?;
    if let Some(at) = fields.iter().position(|(name, _)| name == IMAGES) {
        match fields.swap_remove(at).1 {
            Value::Array(list) => images = list,
            Value::Null => {}
            _ => return Err(fields::wrong(IMAGES)),
        }
    }
    shared.set_all(fields)?;
    check_size(images.len(), most)?;
    let jobs = images.into_iter().enumerate();
    let jobs = jobs.map(|(n, image)| item(&shared, image).map_err(|problem| problem.within(&part(n))));
    Ok(ParsedRequest { cache: shared.cache(), jobs: jobs.collect::<Result<_, _>>()? })
}
