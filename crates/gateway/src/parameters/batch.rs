//! What the two forms of a batch have in common.

use super::draft::Draft;
use super::fields::{self, IMAGES, Place};
use super::{Order, Source};
use domain::Parameters;
use http_api::{Problem, codes};
use serde_json::Value;

/// Refuses a batch of nothing, and one that is larger than allowed, before any of its pictures is read.
pub(super) fn check_size(size: usize, most: usize) -> Result<(), Problem> {
    match size {
        0 => Err(Problem::new(&codes::MISSING_IMAGE, "The batch has no pictures.").with_parameter(IMAGES)),
        size if size > most => {
            let detail = format!("The batch has more pictures than the {most} that are taken at once.");
            Err(Problem::new(&codes::BATCH_TOO_LARGE, detail).with_parameter(IMAGES))
        }
        _ => Ok(()),
    }
}

/// How a picture of the batch is named to the client.
pub(crate) fn part(index: usize) -> String {
    format!("{IMAGES}[{index}]")
}

/// A picture as it stands in the list of a JSON body: base64, or an object with its own parameters.
pub(super) fn item(shared: &Parameters, value: Value) -> Result<Order, Problem> {
    let mut draft = Draft::new(Place::Item, shared.clone());
    match value {
        Value::String(_) => draft.set(fields::IMAGE, value)?,
        Value::Object(own) => own.into_iter().try_for_each(|(name, value)| draft.set(&name, value))?,
        _ => {
            let detail = "A picture must be a string of base64 or an object with `image`.";
            return Err(Problem::new(&codes::INVALID_PARAMETER, detail));
        }
    }
    draft.order()
}

/// A picture of a form, with what is different for it.
pub(super) fn file(shared: &Parameters, source: Source, own: Option<Value>) -> Result<Order, Problem> {
    let mut draft = Draft::new(Place::Override, shared.clone());
    draft.see(source)?;
    match own {
        None | Some(Value::Null) => {}
        Some(Value::Object(own)) => own.into_iter().try_for_each(|(name, value)| draft.set(&name, value))?,
        Some(_) => return Err(fields::wrong(fields::OVERRIDES)),
    }
    draft.order()
}
