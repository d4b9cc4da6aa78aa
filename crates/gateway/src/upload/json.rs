//! A body of JSON: the picture as base64, or as a data URI of it, beside the parameters.

use super::fields::{self, IMAGE};
use super::{Upload, body, empty, missing_image};
use actix_web::error::PayloadError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Parameters;
use futures_util::Stream;
use serde_json::{Map, Value};
use web::{Problem, codes};

pub(super) async fn read(
    body: impl Stream<Item = Result<Bytes, PayloadError>>,
    limit: usize,
) -> Result<Upload, Problem> {
    let text = body::collect(body, limit).await?;
    if text.is_empty() {
        return Err(empty());
    }
    let object: Map<String, Value> = serde_json::from_slice(&text)
        .map_err(|error| Problem::new(&codes::INVALID_JSON, format!("The body is not a JSON object: {error}.")))?;
    drop(text);

    let (mut image, mut parameters) = (None, Parameters::default());
    for (name, value) in object {
        match (name.as_str(), value) {
            (IMAGE, Value::String(text)) => image = Some(decode(&text)?),
            (IMAGE, Value::Null) => {}
            (IMAGE, _) => {
                let detail = "The field `image` must be a string of base64.";
                return Err(Problem::new(&codes::INVALID_PARAMETER, detail).with_parameter(IMAGE));
            }
            (name, value) => fields::set(&mut parameters, name, &value)?,
        }
    }
    let image = image.filter(|image| !image.is_empty()).ok_or_else(missing_image)?;
    Ok(Upload { image, parameters })
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

/// What a client sent is repeated to it, but not at any length.
fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}
