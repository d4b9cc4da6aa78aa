//! A body of form data: the picture's file beside the parameters as text.

use super::fields::{self, IMAGE};
use super::{Upload, body, missing_image};
use actix_multipart::{Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use domain::Parameters;
use futures_util::{Stream, TryStreamExt};
use std::collections::HashSet;
use web::{Problem, codes};

/// The longest text of a parameter, in bytes.
const LONGEST_TEXT: usize = 64;

pub(super) async fn read(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<Bytes, PayloadError>> + 'static,
    limit: usize,
) -> Result<Upload, Problem> {
    let broken = |error| broken(error, limit);
    let mut form = Multipart::new(headers, body);
    let (mut image, mut parameters, mut seen) = (None, Parameters::default(), HashSet::new());
    while let Some(mut field) = form.try_next().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        // Before its content is read: a field that is not wanted costs nothing.
        fields::known(&name)?;
        if !seen.insert(name.clone()) {
            let detail = format!("The field `{name}` was sent more than once.");
            return Err(Problem::new(&codes::DUPLICATE_FIELD, detail).with_parameter(name));
        }
        if name == IMAGE {
            image = Some(field.bytes(limit).await.map_err(|_| super::too_large(limit))?.map_err(broken)?);
        } else {
            let text = field.bytes(LONGEST_TEXT).await.map_err(|_| fields::wrong(&name))?.map_err(broken)?;
            let text = std::str::from_utf8(&text).map_err(|_| fields::wrong(&name))?;
            fields::set(&mut parameters, &name, &fields::from_text(&name, text)?)?;
        }
    }
    let image = image.filter(|image: &Bytes| !image.is_empty()).ok_or_else(missing_image)?;
    Ok(Upload { image, parameters })
}

fn broken(error: MultipartError, limit: usize) -> Problem {
    match error {
        MultipartError::Payload(error) => body::broken(error, limit),
        error => Problem::new(&codes::INVALID_MULTIPART, format!("{error}.")),
    }
}
