//! The table of request parameters. A new parameter is one entry of `parameters!` and the code that uses it: the
//! struct, its JSON, the OpenAPI schema, ranges, form fields and command-line options all follow from the table.

use crate::format::{FORMAT_NAMES, MeshFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The type and the allowed values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParameterKind {
    /// A whole number, both ends included.
    Integer {
        /// Smallest allowed value.
        min: u64,
        /// Largest allowed value.
        max: u64,
    },
    /// A finite number, both ends included.
    Number {
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
    },
    /// One of several names.
    Choice(&'static [&'static str]),
}

impl ParameterKind {
    /// The allowed values as a noun phrase, for messages: `a whole number from 1 to 200`.
    pub fn expected(&self) -> String {
        match self {
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Choice(names) => format!("one of {}", names.join(", ")),
        }
    }
}

/// One row of the table of parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParameterInfo {
    /// The name in requests.
    pub name: &'static str,
    /// What it means, without its range.
    pub doc: &'static str,
    /// Type and allowed values.
    pub kind: ParameterKind,
    /// The vocabulary level that introduced it, see [`crate::LEVEL`].
    pub since: u32,
}

/// A parameter outside its range or of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {expected}")]
pub struct InvalidParameter {
    /// The parameter's name.
    pub name: &'static str,
    /// The allowed values, as a noun phrase.
    pub expected: String,
}

/// Defines [`Parameters`] and [`PARAMETERS`] from one entry per parameter: name, type, range, level, documentation.
macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ident $range:tt since $since:literal;)*) => {
        /// What a job is to be made with. `None` means the model's own default. Unknown fields are ignored, so that
        /// stored jobs of a newer version can be read; requests are checked against [`PARAMETERS`] before.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(default)]
        pub struct Parameters {
            $(
                $(#[doc = $doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $name: Option<$type>,
            )*
        }

        /// All parameters, in the order in which they are documented.
        pub const PARAMETERS: &[ParameterInfo] = &[$(ParameterInfo {
            name: stringify!($name),
            doc: concat!($($doc),+),
            kind: parameters!(@kind $type $range),
            since: $since,
        }),*];

        impl Parameters {
            /// Sets one parameter from JSON. `null` leaves it unset.
            ///
            /// # Errors
            /// When the name is unknown (`None`), or the value is of another type or outside its range.
            pub fn set(&mut self, name: &str, value: &Value) -> Result<(), Option<InvalidParameter>> {
                let info = PARAMETERS.iter().find(|info| info.name == name).ok_or(None)?;
                if value.is_null() {
                    return Ok(());
                }
                let invalid = || Some(InvalidParameter { name: info.name, expected: info.kind.expected() });
                let checked = info.checked(value).ok_or_else(invalid)?;
                match name {
                    $(stringify!($name) => self.$name = serde_json::from_value(checked).map_err(|_| invalid())?,)*
                    _ => return Err(None),
                }
                Ok(())
            }

            /// The largest level among the parameters that are set.
            pub(crate) fn level(&self) -> u32 {
                let mut level = 1;
                $(if self.$name.is_some() { level = level.max($since); })*
                level
            }
        }
    };
    (@kind u32 ($min:literal..=$max:literal)) => { ParameterKind::Integer { min: $min, max: $max } };
    (@kind u64 ($min:literal..=$max:literal)) => { ParameterKind::Integer { min: $min, max: $max } };
    (@kind f64 ($min:literal..=$max:literal)) => { ParameterKind::Number { min: $min, max: $max } };
    (@kind MeshFormat (FORMAT_NAMES)) => { ParameterKind::Choice(FORMAT_NAMES) };
}

parameters! {
    /// Denoising steps.
    steps: u32 (1..=200) since 1;
    /// Classifier-free guidance scale.
    guidance_scale: f64 (0.0..=20.0) since 1;
    /// Seed of the initial noise; at most 2^53 - 1, which is exact in JSON everywhere. Drawn at random when absent.
    seed: u64 (0..=9_007_199_254_740_991) since 1;
    /// Cells along each side of the grid from which the surface is extracted.
    octree_resolution: u32 (16..=512) since 1;
    /// File format of the mesh.
    format: MeshFormat (FORMAT_NAMES) since 1;
    /// Largest number of triangles of the mesh. Absent: as extracted.
    face_budget: u32 (100..=5_000_000) since 1;
}

impl ParameterInfo {
    /// The row of a name.
    pub fn of(name: &str) -> Option<&'static ParameterInfo> {
        PARAMETERS.iter().find(|info| info.name == name)
    }

    /// The value in its canonical JSON form, if it is of the right type and in range. A whole number may be written as
    /// a float without a fraction.
    fn checked(&self, value: &Value) -> Option<Value> {
        match self.kind {
            ParameterKind::Integer { min, max } => {
                let whole =
                    |x: f64| (x.fract() == 0.0 && (0.0..=9_007_199_254_740_991.0).contains(&x)).then_some(x as u64);
                let n = value.as_u64().or_else(|| value.as_f64().and_then(whole))?;
                (min..=max).contains(&n).then(|| n.into())
            }
            ParameterKind::Number { min, max } => {
                let x = value.as_f64()?;
                (min..=max).contains(&x).then(|| x.into())
            }
            ParameterKind::Choice(names) => {
                names.iter().find(|name| value.as_str() == Some(name)).map(|&name| name.into())
            }
        }
    }

    /// The JSON value that a text of a form or of a command line stands for: blanks around it are ignored, numbers may
    /// carry a plus sign or leading zeros, names may be in capitals and formats may carry a leading dot. An empty text
    /// is `null`: the parameter is left unset. A text that is no such value stays a string, which [`Parameters::set`]
    /// then refuses.
    pub fn from_text(&self, text: &str) -> Value {
        let text = text.trim();
        if text.is_empty() {
            return Value::Null;
        }
        let number = text.strip_prefix('+').unwrap_or(text);
        let looks_numeric = !number.starts_with('+') && number.bytes().any(|b| b.is_ascii_digit());
        match self.kind {
            ParameterKind::Integer { .. } | ParameterKind::Number { .. } if looks_numeric => {
                let whole = number.parse::<u64>().ok().map(Value::from);
                whole.or_else(|| number.parse::<f64>().ok().map(Value::from)).unwrap_or_else(|| text.into())
            }
            ParameterKind::Choice(_) => text.trim_start_matches('.').to_ascii_lowercase().into(),
            ParameterKind::Integer { .. } | ParameterKind::Number { .. } => text.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(name: &str, value: Value) -> Result<Parameters, Option<InvalidParameter>> {
        let mut parameters = Parameters::default();
        parameters.set(name, &value).map(|()| parameters)
    }

    #[test]
    fn each_range_includes_both_ends_and_nothing_beyond() {
        for info in PARAMETERS {
            let (inside, outside) = match info.kind {
                ParameterKind::Integer { min, max } => {
                    ([json!(min), json!(max)], vec![json!(max + 1), json!(-1), json!(min as f64 + 0.5)])
                }
                ParameterKind::Number { min, max } => {
                    ([json!(min), json!(max)], vec![json!(max + 0.1), json!(min - 0.1), json!("1")])
                }
                ParameterKind::Choice(names) => {
                    ([json!(names[0]), json!(names[names.len() - 1])], vec![json!("no such"), json!(1)])
                }
            };
            for value in inside {
                assert!(set(info.name, value.clone()).is_ok(), "{} = {value}", info.name);
            }
            for value in outside.into_iter().chain([json!(true), json!([]), json!({})]) {
                assert_eq!(set(info.name, value.clone()).unwrap_err().unwrap().name, info.name, "{value}");
            }
            assert_eq!(set(info.name, Value::Null).unwrap(), Parameters::default());
        }
        assert_eq!(set("stepz", json!(3)), Err(None));
    }

    #[test]
    fn json_contains_exactly_the_set_parameters() {
        let parameters = set("steps", json!(20.0)).unwrap();
        assert_eq!(parameters.steps, Some(20));
        assert_eq!(serde_json::to_value(&parameters).unwrap(), json!({ "steps": 20 }));
    }

    #[test]
    fn stored_parameters_of_a_newer_version_can_be_read() {
        let read: Parameters = serde_json::from_value(json!({ "steps": 3, "style": "clay" })).unwrap();
        assert_eq!(read.steps, Some(3));
    }

    #[test]
    fn texts_of_forms_are_parsed() {
        let read = |name: &str, text: &str| ParameterInfo::of(name).unwrap().from_text(text);
        for (text, value) in [
            ("", Value::Null),
            ("  ", Value::Null),
            (" 20", json!(20)),
            ("+20", json!(20)),
            ("020", json!(20)),
            ("2e1", json!(20.0)),
        ] {
            assert_eq!(read("steps", text), value, "{text:?}");
        }
        for text in ["nan", "inf", "++1", "1 2", "0x10", "twenty"] {
            assert!(set("steps", read("steps", text)).is_err(), "{text:?}");
            assert!(set("guidance_scale", read("guidance_scale", text)).is_err(), "{text:?}");
        }
        for text in ["GLB", ".glb", " glb "] {
            assert_eq!(read("format", text), json!("glb"), "{text:?}");
        }
        assert_eq!(set("guidance_scale", read("guidance_scale", "5.")).unwrap().guidance_scale, Some(5.0));
    }
}
