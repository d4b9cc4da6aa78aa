//! The fields of a request, the same in both forms of a body.

use crate::json::{clip, natural};
use domain::{Parameters, RANGES};
use http_api::{Problem, codes};
use serde_json::{Number, Value};

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

/// The parameters.
const PARAMETERS: [&str; 6] = ["steps", "guidance_scale", "seed", "octree_resolution", "format", "face_budget"];

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
        if self.own().contains(&name) || PARAMETERS.contains(&name) {
            return Ok(());
        }
        let known = [self.own(), PARAMETERS.as_slice()].concat().join(", ");
        let name = clip(name);
        let detail = format!("{name:?} is not a field; the fields are {known}.");
        Err(Problem::new(&codes::UNKNOWN_FIELD, detail).with_parameter(name))
    }
}

/// Sets one parameter, if it is of the right type and within its range. `null` leaves a number as it is.
pub(super) fn set(parameters: &mut Parameters, name: &str, value: &Value) -> Result<(), Problem> {
    if value.is_null() && name != "format" {
        return Ok(());
    }
    let set = match name {
        "steps" => whole(value).map(|n| parameters.steps = Some(n)),
        "guidance_scale" => value.as_f64().map(|x| parameters.guidance_scale = Some(x)),
        "seed" => natural(value).map(|n| parameters.seed = Some(n)),
        "octree_resolution" => whole(value).map(|n| parameters.octree_resolution = Some(n)),
        "face_budget" => whole(value).map(|n| parameters.face_budget = Some(n)),
        "format" => value.as_str().and_then(|text| text.parse().ok()).map(|format| parameters.format = format),
        _ => None,
    };
    set.filter(|()| parameters.validate().is_ok()).ok_or_else(|| wrong(name))
}

/// The value that a form's text stands for.
pub(super) fn from_text(name: &str, text: &str) -> Result<Value, Problem> {
    match (name, text) {
        ("format" | IMAGE_URL, _) => Ok(Value::String(text.to_owned())),
        (CACHE, "true") => Ok(Value::Bool(true)),
        (CACHE, "false") => Ok(Value::Bool(false)),
        _ => text.parse::<Number>().map(Value::Number).map_err(|_| wrong(name)),
    }
}

/// A field that is not what it must be.
pub(super) fn wrong(name: &str) -> Problem {
    let expected = match (name, RANGES.iter().find(|range| range.name == name)) {
        ("guidance_scale", Some(range)) => format!("a number from {} to {}", range.min, range.max),
        (_, Some(range)) => format!("a whole number from {} to {}", range.min, range.max),
        (CACHE, None) => "true or false".to_owned(),
        (IMAGE, None) => "a string of base64".to_owned(),
        (IMAGE_URL, None) => "a URL".to_owned(),
        (IMAGES, None) => "a list of pictures, each a string of base64 or an object with `image`".to_owned(),
        (OVERRIDES, None) => "a list of objects, one for each picture".to_owned(),
        _ => "one of glb, obj, stl".to_owned(),
    };
    Problem::new(&codes::INVALID_PARAMETER, format!("`{name}` must be {expected}.")).with_parameter(name)
}

fn whole(value: &Value) -> Option<u32> {
    natural(value).and_then(|n| u32::try_from(n).ok())
}
