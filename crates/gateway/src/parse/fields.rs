//! The fields of a request, the same in JSON and in form data.

use crate::json::clip;
use domain::{PARAMETERS, ParameterInfo, Parameters, View};
use http_api::{Problem, codes};
use serde_json::Value;

/// The image file.
pub(super) const IMAGE: &str = "image";
/// The URL of the image file.
pub(super) const IMAGE_URL: &str = "image_url";
/// The views of one object, by name; in a batch the list of images.
pub(super) const IMAGES: &str = "images";
/// The parameters of single images of a batch that is sent as form data.
pub(super) const OVERRIDES: &str = "overrides";
/// Whether a result that was made before may answer.
pub(super) const CACHE: &str = "cache";
/// The name of the model.
pub(super) const MODEL: &str = "model";

/// Unknown fields that are named in one answer.
const MAX_UNKNOWN: usize = 8;

/// A place in a request. It decides which fields are allowed beside the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A body that asks for one mesh.
    Single,
    /// A body that asks for a batch, in JSON.
    Batch,
    /// A body that asks for a batch, as form data.
    BatchForm,
    /// An image of a batch with fields of its own.
    Item,
    /// The fields of one image of a batch, as form data.
    Override,
}

impl Place {
    fn own(self) -> &'static [&'static str] {
        match self {
            Self::Single => &[IMAGE, IMAGE_URL, IMAGES, MODEL, CACHE],
            Self::Batch => &[IMAGES, MODEL, CACHE],
            Self::BatchForm => &[IMAGES, OVERRIDES, MODEL, CACHE],
            Self::Item => &[IMAGE, IMAGE_URL, IMAGES, MODEL],
            Self::Override => &[MODEL],
        }
    }

    fn has(self, name: &str) -> bool {
        self.own().contains(&name) || ParameterInfo::of(name).is_some()
    }

    /// Refuses names that are not fields here, all at once.
    pub(super) fn check<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Problem> {
        let unknown: Vec<String> = names.into_iter().filter(|name| !self.has(name)).map(clip).collect();
        let Some(first) = unknown.first() else { return Ok(()) };
        let named: Vec<String> = unknown.iter().take(MAX_UNKNOWN).map(|name| format!("{name:?}")).collect();
        let (named, are) = (named.join(", "), if unknown.len() == 1 { "is not a field" } else { "are not fields" });
        let parameters = PARAMETERS.iter().map(|info| info.name);
        let known = self.own().iter().copied().chain(parameters).collect::<Vec<_>>().join(", ");
        let detail = format!("{named} {are}; the fields are {known}.");
        Err(Problem::new(&codes::UNKNOWN_FIELD, detail).with_parameter(first.clone()))
    }
}

/// Sets one parameter. A number may also be sent as text; `null` and empty text leave it unset.
pub(super) fn set(parameters: &mut Parameters, name: &str, value: Value) -> Result<(), Problem> {
    let value = match (value, ParameterInfo::of(name)) {
        (Value::String(text), Some(info)) => info.from_text(&text),
        (value, _) => value,
    };
    parameters.set(name, &value).map_err(|_| wrong(name))
}

/// A switch, in any of the spellings of JSON, HTML forms and Python; `None` when it is left unset.
pub(super) fn switch(name: &str, value: &Value) -> Result<Option<bool>, Problem> {
    let text = match value {
        Value::Bool(on) => return Ok(Some(*on)),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Null => return Ok(None),
        Value::Array(_) | Value::Object(_) => return Err(wrong(name)),
    };
    match text.as_str() {
        "" => Ok(None),
        "true" | "1" | "on" | "yes" => Ok(Some(true)),
        "false" | "0" | "off" | "no" => Ok(Some(false)),
        _ => Err(wrong(name)),
    }
}

/// The view that a field of a form is for: `images[left]`.
pub(super) fn form_view(name: &str) -> Option<View> {
    name.strip_prefix(IMAGES)?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// An error about the value of a field.
pub(super) fn wrong(name: &str) -> Problem {
    let expected = match (name, ParameterInfo::of(name)) {
        (_, Some(info)) => info.kind.expected(),
        (CACHE, None) => "true or false".to_owned(),
        (IMAGE_URL, None) => "a URL".to_owned(),
        (MODEL, None) => "the name of a model".to_owned(),
        (IMAGES, None) => "a list of images, each a string of base64 or an object with `image`".to_owned(),
        (OVERRIDES, None) => "a list of objects, at most one for each image".to_owned(),
        _ => "a string of base64".to_owned(),
    };
    Problem::new(&codes::INVALID_PARAMETER, format!("`{name}` must be {expected}.")).with_parameter(name)
}

/// An error about the value of `images` in a request for one mesh.
pub(super) fn wrong_views() -> Problem {
    let views = View::ALL.map(View::as_str).join(", ");
    let detail = format!("`{IMAGES}` must be an object of the views {views}; a list of images goes to `batch`.");
    Problem::new(&codes::INVALID_PARAMETER, detail).with_parameter(IMAGES)
}
