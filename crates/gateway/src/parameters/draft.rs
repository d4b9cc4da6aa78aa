//! An order that is being read, field by field.

use super::fields::{self, CACHE, IMAGE, IMAGE_URL, Place};
use super::{Order, Source};
use crate::json::clip;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Parameters;
use http_api::{Problem, codes};
use serde_json::Value;

/// What has been read so far.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    place: Place,
    source: Option<Source>,
    pub(super) parameters: Parameters,
    pub(super) cache: bool,
}

impl Draft {
    /// Nothing has been read yet; what is not said is as in `parameters`.
    pub(super) fn new(place: Place, parameters: Parameters) -> Self {
        Self { place, source: None, parameters, cache: true }
    }

    /// Reads one field.
    pub(super) fn set(&mut self, name: &str, value: Value) -> Result<(), Problem> {
        self.place.knows(name)?;
        match (name, value) {
            (IMAGE, Value::String(text)) => self.see(Source::File(decode(&text)?)),
            (IMAGE_URL, Value::String(url)) => self.see(Source::Url(url)),
            (CACHE, Value::Bool(cache)) => {
                self.cache = cache;
                Ok(())
            }
            (IMAGE | IMAGE_URL | CACHE, _) => Err(fields::wrong(name)),
            (name, value) => fields::set(&mut self.parameters, name, &value),
        }
    }

    /// Takes the picture.
    pub(super) fn see(&mut self, source: Source) -> Result<(), Problem> {
        if self.source.replace(source).is_some() {
            let detail = "`image` and `image_url` are two ways to send one picture; use one of them.";
            return Err(Problem::new(&codes::DUPLICATE_FIELD, detail).with_parameter(IMAGE));
        }
        Ok(())
    }

    /// The order, if it has a picture.
    pub(super) fn order(self) -> Result<Order, Problem> {
        let is_something = |source: &Source| match source {
            Source::File(bytes) => !bytes.is_empty(),
            Source::Url(url) => !url.is_empty(),
        };
        let missing =
            || Problem::new(&codes::MISSING_IMAGE, "The field `image` is missing or empty.").with_parameter(IMAGE);
        let source = self.source.filter(is_something).ok_or_else(missing)?;
        Ok(Order { source, parameters: self.parameters })
    }
}

/// Decodes base64, or a data URI of base64 (RFC 2397).
fn decode(text: &str) -> Result<Bytes, Problem> {
    let base64 = match text.strip_prefix("data:") {
        None => text,
        Some(rest) => {
            let (head, data) = rest.split_once(',').ok_or_else(|| wrong("The data URI has no comma."))?;
            let Some(media_type) = head.strip_suffix(";base64") else {
                return Err(wrong("The data URI does not say that it is base64."));
            };
            // What is inside is looked at in any case; a type that is refused only saves the trouble.
            if !matches!(media_type, "image/png" | "image/jpeg" | "image/webp") {
                let detail = format!("The data URI is of type {:?}.", clip(media_type));
                return Err(Problem::new(&codes::UNSUPPORTED_IMAGE, detail).with_parameter(IMAGE));
            }
            data
        }
    };
    STANDARD.decode(base64.trim_end()).map(Bytes::from).map_err(|error| wrong(&format!("{error}.")))
}

fn wrong(detail: &str) -> Problem {
    Problem::new(&codes::INVALID_BASE64, detail).with_parameter(IMAGE)
}
