//! The fields of a request, the same in both forms of a body.

use domain::{Parameters, RANGES};
use serde_json::{Number, Value};
use web::{Problem, codes};

/// The field that holds the picture.
pub(super) const IMAGE: &str = "image";

/// All fields.
const KNOWN: [&str; 7] = [IMAGE, "steps", "guidance_scale", "seed", "octree_resolution", "format", "face_budget"];

/// The longest unknown name that is repeated to the client, in characters.
const LONGEST_NAME: usize = 64;

/// Refuses a name that is not a field's.
pub(super) fn known(name: &str) -> Result<(), Problem> {
    if KNOWN.contains(&name) {
        return Ok(());
    }
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let detail = format!("{name:?} is not a field; the fields are {}.", KNOWN.join(", "));
    Err(Problem::new(&codes::UNKNOWN_FIELD, detail).with_parameter(name))
}

/// Sets one parameter, if it is known, of the right type and within its range. `null` leaves the default.
pub(super) fn set(parameters: &mut Parameters, name: &str, value: &Value) -> Result<(), Problem> {
    known(name)?;
    if value.is_null() {
        return Ok(());
    }
    let set = match name {
        "steps" => whole(value).map(|n| parameters.steps = Some(n)),
        "guidance_scale" => value.as_f64().map(|x| parameters.guidance_scale = Some(x)),
        "seed" => value.as_u64().map(|n| parameters.seed = Some(n)),
        "octree_resolution" => whole(value).map(|n| parameters.octree_resolution = Some(n)),
        "face_budget" => whole(value).map(|n| parameters.face_budget = Some(n)),
        "format" => value.as_str().and_then(|text| text.parse().ok()).map(|format| parameters.format = format),
        _ => None,
    };
    set.filter(|()| parameters.validate().is_ok()).ok_or_else(|| wrong(name))
}

/// The value that a form's text stands for.
pub(super) fn from_text(name: &str, text: &str) -> Result<Value, Problem> {
    match name {
        "format" => Ok(Value::String(text.to_owned())),
        _ => text.parse::<Number>().map(Value::Number).map_err(|_| wrong(name)),
    }
}

/// A parameter that is not what it must be.
pub(super) fn wrong(name: &str) -> Problem {
    let expected = match RANGES.iter().find(|range| range.name == name) {
        Some(range) if name == "guidance_scale" => format!("a number from {} to {}", range.min, range.max),
        Some(range) => format!("a whole number from {} to {}", range.min, range.max),
        None => "one of glb, obj, stl".to_owned(),
    };
    Problem::new(&codes::INVALID_PARAMETER, format!("`{name}` must be {expected}.")).with_parameter(name)
}

fn whole(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|n| u32::try_from(n).ok())
}
