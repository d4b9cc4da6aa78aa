//! JSON request bodies: any Unicode encoding, no name twice in an object, errors that quote little of the client's input.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use http_api::{Problem, codes};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Maximum number of characters of a client's value that are quoted in an error.
const MAX_QUOTED: usize = 64;
/// Maximum number of characters of a parser's message, which may quote the client's input.
const MAX_MESSAGE: usize = 160;
/// Whole numbers up to this one are exact in floating point.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The start of a client's text, for quoting in an error.
pub(crate) fn clip(text: &str) -> String {
    http_api::clip(text.to_owned(), MAX_QUOTED)
}

/// The message of a parser, cut to a bounded length.
pub(crate) fn message(error: &impl fmt::Display) -> String {
    http_api::clip(error.to_string(), MAX_MESSAGE)
}

/// Reads a small JSON body into a type that refuses unknown fields.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], charset: Option<&str>) -> Result<T, Problem> {
    let text = to_utf8(body, charset)?;
    let read = serde_json::from_slice(&text).and_then(|Strict(value)| T::deserialize(value));
    read.map_err(|error| match error.is_data() {
        true => Problem::new(&codes::INVALID_PARAMETER, format!("The body does not fit: {}.", message(&error))),
        false => invalid(&text, &error),
    })
}

/// Reads the fields of the JSON object that a body holds.
pub(crate) fn object(body: &[u8], charset: Option<&str>) -> Result<Vec<(String, Value)>, Problem> {
    let text = to_utf8(body, charset)?;
    serde_json::from_slice::<Fields>(&text).map(|fields| fields.0).map_err(|error| invalid(&text, &error))
}

/// Why a text is not a JSON object with distinct names.
fn invalid(text: &[u8], error: &serde_json::Error) -> Problem {
    let detail = match text.trim_ascii_start().first() {
        Some(b'"') => {
            "The body is a JSON string, not an object; it seems to be encoded twice. Send the object itself.".to_owned()
        }
        Some(b'[') => "The body is a JSON array, not an object.".to_owned(),
        Some(b'{') => format!("The body is not a valid JSON object: {}.", message(error)),
        _ => format!("The body does not begin as a JSON object does: {}.", message(error)),
    };
    Problem::new(&codes::INVALID_JSON, detail)
}

/// The text of a body in UTF-8, by its byte order mark, its declared charset, or the zero bytes of UTF-16 and UTF-32.
fn to_utf8<'a>(body: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, [u8]>, Problem> {
    let charset = charset.map(|name| name.trim().trim_matches('"').to_ascii_lowercase());
    let charset = charset.as_deref().unwrap_or_default();
    let malformed = |name: &str| Problem::new(&codes::INVALID_JSON, format!("The body is not valid {name}."));
    // UTF-32 first: the mark of its little-endian form begins with that of UTF-16.
    let utf32 = match body {
        [0xff, 0xfe, 0, 0, rest @ ..] => Some((rest, false)),
        [0, 0, 0xfe, 0xff, rest @ ..] => Some((rest, true)),
        _ if charset == "utf-32le" || matches!(body, [_, 0, 0, 0, ..]) => Some((body, false)),
        _ if charset == "utf-32be" || charset == "utf-32" || matches!(body, [0, 0, 0, _, ..]) => Some((body, true)),
        _ => None,
    };
    if let Some((units, big_endian)) = utf32 {
        let character = |unit: &[u8; 4]| {
            char::from_u32(if big_endian { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) })
        };
        let (units, rest) = units.as_chunks::<4>();
        let text: Option<String> = if rest.is_empty() { units.iter().map(character).collect() } else { None };
        return text.map(|text| Cow::Owned(text.into_bytes())).ok_or_else(|| malformed("UTF-32"));
    }
    let encoding = match (Encoding::for_bom(body), body) {
        (Some((encoding, _)), _) => encoding,
        (None, [_, 0, _, 0, ..]) => UTF_16LE,
        (None, [0, _, 0, _, ..]) => UTF_16BE,
        _ if charset.is_empty() => UTF_8,
        // Without a mark, "utf-16" means big-endian (RFC 2781).
        _ if charset == "utf-16" => UTF_16BE,
        _ => Encoding::for_label(charset.as_bytes()).ok_or_else(|| {
            let detail = format!("The charset {:?} is not known; use UTF-8.", clip(charset));
            Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, detail)
        })?,
    };
    if encoding == UTF_8 {
        // serde_json finds what is not UTF-8 and says where.
        return Ok(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).into());
    }
    let (text, had_errors) = encoding.decode_with_bom_removal(body);
    if had_errors { Err(malformed(encoding.name())) } else { Ok(Cow::Owned(text.into_owned().into_bytes())) }
}

/// The value of a number without a fraction, even if it is written with a decimal point.
pub(crate) fn natural(value: &Value) -> Option<u64> {
    let exact = |x: &f64| x.fract() == 0.0 && (0.0..=EXACT).contains(x);
    value.as_u64().or_else(|| value.as_f64().filter(exact).map(|x| x as u64))
}

/// A value in which no object has a name twice. A map would keep the last one silently, and two readers of the same body
/// could see different requests.
pub(crate) struct Strict(pub(crate) Value);

/// The fields of an object, in their order; no name occurs twice.
struct Fields(Vec<(String, Value)>);

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
                        return Err(A::Error::custom(format!("the field {:?} occurs twice", clip(&name))));
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
    fn values_are_kept_as_written() {
        let text = r#"{"b": [null, true, -3, 7, 7.0, 0.5, "\u00e4", {"a": {}}], "a": 9007199254740993, "c": 1e300, "d": -2.0}"#;
        let expected = json!({
            "b": [null, true, -3, 7, 7, 0.5, "ä", {"a": {}}], "a": 9_007_199_254_740_993_u64, "c": 1e300, "d": -2.0
        });
        assert_eq!(serde_json::from_str::<Strict>(text).unwrap().0, expected);
        let names = object(text.as_bytes(), None).unwrap().into_iter().map(|field| field.0);
        assert!(names.eq(["b", "a", "c", "d"]), "in their order");
    }

    #[test]
    fn no_name_occurs_twice_at_any_depth() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "b": 2, "\u0061": 3}"#,
            r#"{"images": ["x", {"seed": 1, "steps": 2, "seed": 1}]}"#,
            r#"[[{"a": {"b": null, "b": null}}]]"#,
        ] {
            let error = serde_json::from_str::<Strict>(text).err().unwrap().to_string();
            assert!(error.contains("occurs twice"), "{text}: {error}");
        }
        assert!(serde_json::from_str::<Strict>(r#"[{"a": 1}, {"a": 1}, {"b": {"a": 1}}]"#).is_ok());
        assert!(serde_json::from_str::<Strict>(&"[".repeat(100_000)).is_err(), "the depth is limited");
    }

    /// A text in an encoding of two or four bytes per unit, with or without its mark.
    fn units(text: &str, size: usize, big_endian: bool, marked: bool) -> Vec<u8> {
        let text = if marked { format!("\u{feff}{text}") } else { text.to_owned() };
        let units: Vec<u32> = if size == 2 {
            text.encode_utf16().map(u32::from).collect()
        } else {
            text.chars().map(u32::from).collect()
        };
        let bytes = |unit: u32| {
            let mut bytes = unit.to_le_bytes()[..size].to_vec();
            if big_endian {
                bytes.reverse();
            }
            bytes
        };
        units.into_iter().flat_map(bytes).collect()
    }

    #[test]
    fn every_unicode_encoding_is_read_with_and_without_its_mark() {
        let text = r#"{"name": "ä€😀"}"#;
        let mut cases = vec![(text.as_bytes().to_vec(), None), (format!("\u{feff}{text}").into_bytes(), None)];
        for (size, big_endian, charset) in [
            (2, false, "UTF-16LE"),
            (2, true, "utf-16"),
            (2, true, "utf-16be"),
            (4, false, "utf-32le"),
            (4, true, "UTF-32"),
        ] {
            for charset in [Some(charset), None] {
                cases.push((units(text, size, big_endian, true), charset));
                cases.push((units(text, size, big_endian, false), charset));
            }
        }
        for (body, charset) in cases {
            let fields = object(&body, charset).unwrap_or_else(|error| panic!("{charset:?} {body:?}: {error}"));
            assert_eq!(fields, [("name".to_owned(), json!("ä€😀"))], "{charset:?} {body:?}");
        }
        assert_eq!(object(b"{}", Some("no such charset")).unwrap_err().kind().code, "unsupported_content_type");
        assert_eq!(object(b"{\"name\": \"\xe4\"}", Some("iso-8859-1")).unwrap()[0].1, json!("ä"));
        for broken in [&units(text, 2, false, true)[..31], &units(text, 4, true, true)[..30], b"\xff\xfe\x00\xd8{\0"] {
            assert_eq!(object(broken, None).unwrap_err().kind().code, "invalid_json");
        }
    }

    #[test]
    fn errors_quote_little_of_the_body() {
        let long = "A".repeat(1 << 20);
        for body in [
            format!("\"{long}\""),
            long.clone(),
            format!("[\"{long}\"]"),
            format!("{{\"{long}\": 1, \"{long}\": 2}}"),
            format!("{{\"a\": {long}}}"),
            format!("\"{{\\\"image\\\": \\\"{long}\\\"}}\""),
        ] {
            let problem = object(body.as_bytes(), Some(&long)).or_else(|_| object(body.as_bytes(), None)).unwrap_err();
            assert!(problem.detail().len() < 400, "{}", problem.detail().len());
            let problem = read::<std::collections::BTreeMap<String, u8>>(body.as_bytes(), None).unwrap_err();
            assert!(problem.detail().len() < 400, "{}", problem.detail().len());
        }
        let twice = object(b" \"{}\"", None).unwrap_err();
        assert!(twice.detail().contains("encoded twice"), "{twice}");
    }
}
