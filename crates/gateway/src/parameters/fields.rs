//! The fields of a request, the same in both forms of a body.

use crate::json::clip;
use domain::{PARAMETERS, ParameterInfo, Parameters};
use http_api::{Problem, codes};
use serde_json::Value;

/// The field that holds a picture's file.
pub(super) const IMAGE: &str = "image";
/// The field that tells where a picture is.
pub(super) const IMAGE_URL: &str = "image_url";
/// The field that holds the pictures of a batch.
pub(super) const IMAGES: &str = "images";
/// The field of a form that holds what is different for each picture of a batch.
pub(super) const OVERRIDES: &str = "overrides";
/// The field that tells whether a mesh that was made before will do.
pub(super) const CACHE: &str = "cache";

/// A place in a request, and so the fields that may stand there beside the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A body that asks for one mesh.
    Single,
    /// A body that asks for a batch, in JSON.
    Batch,
    /// A body that asks for a batch, as form data.
    BatchForm,
    /// One picture of a batch, with what is different for it.
    Item,
    /// What is different for one picture of a batch.
    Override,
}

impl Place {
    fn own(self) -> &'static [&'static str] {
        match self {
            Self::Single => &[IMAGE, IMAGE_URL, CACHE],
            Self::Batch => &[IMAGES, CACHE],
            Self::BatchForm => &[IMAGES, OVERRIDES, CACHE],
            Self::Item => &[IMAGE, IMAGE_URL],
            Self::Override => &[],
        }
    }

    /// Refuses a name that is not a field's here.
    pub(super) fn knows(self, name: &str) -> Result<(), Problem> {
        if self.own().contains(&name) || ParameterInfo::of(name).is_some() {
            return Ok(());
        }
        let parameters = PARAMETERS.iter().map(|info| info.name);
        let known = self.own().iter().copied().chain(parameters).collect::<Vec<_>>().join(", ");
        let name = clip(name);
        let detail = format!("{name:?} is not a field; the fields are {known}.");
        Err(Problem::new(&codes::UNKNOWN_FIELD, detail).with_parameter(name))
    }
}

/// Sets one parameter, if it is of the right type and within its range. `null` leaves it unset.
pub(super) fn set(parameters: &mut Parameters, name: &str, value: &Value) -> Result<(), Problem> {
    parameters.set(name, value).map_err(|_| wrong(name))
}

/// The value that a form's text stands for.
pub(super) fn from_text(name: &str, text: &str) -> Result<Value, Problem> {
    match (name, text) {
        (IMAGE_URL, _) => Ok(Value::String(text.to_owned())),
        (CACHE, "true") => Ok(Value::Bool(true)),
        (CACHE, "false") => Ok(Value::Bool(false)),
        _ => ParameterInfo::of(name).map(|info| info.from_text(text)).ok_or_else(|| wrong(name)),
    }
}

/// A field that is not what it must be.
pub(super) fn wrong(name: &str) -> Problem {
    let expected = match (name, ParameterInfo::of(name)) {
        (_, Some(info)) => info.kind.expected(),
        (CACHE, None) => "true or false".to_owned(),
        (IMAGE_URL, None) => "a URL".to_owned(),
        (IMAGES, None) => "a list of pictures, each a string of base64 or an object with `image`".to_owned(),
        (OVERRIDES, None) => "a list of objects, one for each picture".to_owned(),
        _ => "a string of base64".to_owned(),
    };
    Problem::new(&codes::INVALID_PARAMETER, format!("`{name}` must be {expected}.")).with_parameter(name)
}
