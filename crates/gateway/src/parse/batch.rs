//! What batches in JSON and batches as form data have in common.

use super::draft::Draft;
use super::fields::{self, IMAGES, Place};
use super::{ImageSource, JobRequest};
use domain::View;
use http_api::{Problem, codes};
use serde_json::Value;

/// Refuses an empty batch and one that is larger than allowed, before any of its images is read.
pub(super) fn check_size(size: usize, most: usize) -> Result<(), Problem> {
    match size {
        0 => Err(Problem::new(&codes::MISSING_IMAGE, "The batch has no images.").with_parameter(IMAGES)),
        size if size > most => {
            let detail = format!("The batch has more images than the {most} that are accepted at once.");
            Err(Problem::new(&codes::BATCH_TOO_LARGE, detail).with_parameter(IMAGES))
        }
        _ => Ok(()),
    }
}

/// The name of an image of the batch in errors.
pub(crate) fn part(index: usize) -> String {
    format!("{IMAGES}[{index}]")
}

/// An image in the list of a JSON body: base64, or an object with fields of its own.
pub(super) fn item(shared: &Draft, value: Value) -> Result<JobRequest, Problem> {
    let mut draft = Draft::of_batch(Place::Item, shared);
    match value {
        Value::String(_) => draft.set(fields::IMAGE, value)?,
        Value::Object(own) => draft.set_all(own)?,
        _ => {
            let detail = "An image must be a string of base64 or an object with `image`.";
            return Err(Problem::new(&codes::INVALID_PARAMETER, detail));
        }
    }
    draft.finish()
}

/// An image of a form, with fields of its own.
pub(super) fn file(shared: &Draft, source: Option<ImageSource>, own: Value) -> Result<JobRequest, Problem> {
    let mut draft = Draft::of_batch(Place::Override, shared);
    draft.set_image(View::Front, source)?;
    match own {
        Value::Null => {}
        Value::Object(own) => draft.set_all(own)?,
        _ => return Err(fields::wrong(fields::OVERRIDES)),
    }
    draft.finish()
}
