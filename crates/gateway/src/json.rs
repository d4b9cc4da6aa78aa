//! JSON as bodies of requests are read: no name stands twice in an object, however deep, and 7.0 is 7.
//!
//! A map would keep the last of two fields and say nothing; two readers of one body must not read two things.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::collections::HashSet;
use std::fmt;

/// The longest of a client's own words that is repeated to it, in characters.
const LONGEST_WORD: usize = 64;

/// Whole numbers up to here are exact as floating point.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What a client sent is repeated to it, but not at any length.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(LONGEST_WORD).collect()
}

/// A number that is whole, even if it is written with a point.
pub(crate) fn natural(value: &Value) -> Option<u64> {
    let exact = |x: &f64| x.fract() == 0.0 && (0.0..=EXACT).contains(x);
    value.as_u64().or_else(|| value.as_f64().filter(exact).map(|x| x as u64))
}

/// A value in which no name stands twice.
pub(crate) struct Strict(pub(crate) Value);

/// The fields of an object, in their order; no name stands twice in it.
pub(crate) struct Fields(pub(crate) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let (mut fields, mut seen) = (Vec::new(), HashSet::new());
                while let Some((name, value)) = map.next_entry::<String, Strict>()? {
                    if !seen.insert(name.clone()) {
                        return Err(A::Error::custom(format!("the field {:?} stands twice", clip(&name))));
                    }
                    fields.push((name, value.0));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                let number = Number::from_f64(value).map_or(Value::Null, Value::Number);
                Ok(natural(&number).map_or(number, Value::from))
            }

            fn visit_str<E>(self, value: &str) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_string<E>(self, value: String) -> Result<Value, E> {
                Ok(value.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(Strict(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(values.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
                let Fields(fields) = Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(fields.into_iter().collect::<Map<_, _>>().into())
            }
        }
        deserializer.deserialize_any(Any).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_as_it_was_written() {
        let text = r#"{"b": [null, true, -3, 7, 7.0, 0.5, "\u00e4", {"a": {}}], "a": 9007199254740993, "c": 1e300, "d": -2.0}"#;
        let expected = json!({
            "b": [null, true, -3, 7, 7, 0.5, "ä", {"a": {}}], "a": 9_007_199_254_740_993_u64, "c": 1e300, "d": -2.0
        });
        assert_eq!(serde_json::from_str::<Strict>(text).unwrap().0, expected);
        let names = |text| serde_json::from_str::<Fields>(text).unwrap().0.into_iter().map(|field| field.0);
        assert!(names(text).eq(["b", "a", "c", "d"]), "in their order");
    }

    #[test]
    fn no_name_stands_twice_at_any_depth() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "b": 2, "\u0061": 3}"#,
            r#"{"images": ["x", {"seed": 1, "steps": 2, "seed": 1}]}"#,
            r#"[[{"a": {"b": null, "b": null}}]]"#,
        ] {
            let error = serde_json::from_str::<Strict>(text).err().unwrap().to_string();
            assert!(error.contains("stands twice"), "{text}: {error}");
        }
        assert!(serde_json::from_str::<Strict>(r#"[{"a": 1}, {"a": 1}, {"b": {"a": 1}}]"#).is_ok());
        assert!(serde_json::from_str::<Strict>(&"[".repeat(100_000)).is_err(), "not deeper than is safe");
    }
}
