//! A JSON object with its fields in order, in which no name stands twice. (A map would keep the last one and say
//! nothing; two readers of one body must not read two things.)

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use web::{Problem, codes};

/// The fields of an object.
pub(super) struct Object(Vec<(String, Value)>);

impl Object {
    /// The object that a body is.
    pub(super) fn read(text: &[u8]) -> Result<Vec<(String, Value)>, Problem> {
        let object: Self = serde_json::from_slice(text)
            .map_err(|error| Problem::new(&codes::INVALID_JSON, format!("The body is not a JSON object: {error}.")))?;
        Ok(object.0)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut fields, mut seen) = (Vec::new(), HashSet::new());
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!(
                            "the field {:?} stands twice",
                            super::fields::clip(&name)
                        )));
                    }
                    fields.push((name, value));
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
