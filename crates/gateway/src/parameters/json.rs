//! A body of JSON: pictures as base64, or as data URIs of it, beside the parameters.

use super::Wish;
use super::batch::{check_size, item, part};
use super::draft::Draft;
use super::fields::{self, IMAGES, Place};
use crate::json::Fields;
use domain::Parameters;
use http_api::{Problem, codes};
use serde_json::Value;

pub(super) fn single(text: &[u8]) -> Result<Wish, Problem> {
    let mut draft = Draft::new(Place::Single, Parameters::default());
    read(text)?.into_iter().try_for_each(|(name, value)| draft.set(&name, value))?;
    Ok(Wish { cache: draft.cache, orders: vec![draft.order()?] })
}

pub(super) fn batch(text: &[u8], most: usize) -> Result<Wish, Problem> {
    let (mut shared, mut images) = (Draft::new(Place::Batch, Parameters::default()), Vec::new());
    for (name, value) in read(text)? {
        match (name.as_str(), value) {
            (IMAGES, Value::Array(list)) => images = list,
            (IMAGES, Value::Null) => {}
            (IMAGES, _) => return Err(fields::wrong(IMAGES)),
            (name, value) => shared.set(name, value)?,
        }
    }
    check_size(images.len(), most)?;
    let orders = images.into_iter().enumerate();
    let orders = orders.map(|(n, image)| item(&shared.parameters, image).map_err(|problem| problem.within(&part(n))));
    Ok(Wish { cache: shared.cache, orders: orders.collect::<Result<_, _>>()? })
}

/// The fields of the object that a body is.
fn read(text: &[u8]) -> Result<Vec<(String, Value)>, Problem> {
    let fields = serde_json::from_slice::<Fields>(text);
    let fields = fields
        .map_err(|error| Problem::new(&codes::INVALID_JSON, format!("The body is not a JSON object: {error}.")))?;
    Ok(fields.0)
}
