//! A body of form data: pictures' files beside the parameters as text.

use super::batch::{check_size, file, part};
use super::draft::Draft;
use super::fields::{self, IMAGE, IMAGES, OVERRIDES, Place};
use super::{Source, Wish};
use crate::json::Strict;
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use domain::Parameters;
use futures_util::{TryStreamExt, stream};
use http_api::{Problem, codes};
use serde_json::Value;
use std::collections::HashSet;
use std::iter::repeat;

/// The longest text of a parameter, in bytes: that of a URL.
const LONGEST_TEXT: usize = 4096;
/// The longest list of what is different for each picture, in bytes.
const LONGEST_OVERRIDES: usize = 256 * 1024;

pub(super) async fn single(headers: &HeaderMap, body: Bytes) -> Result<Wish, Problem> {
    let mut draft = Draft::new(Place::Single, Parameters::default());
    let mut form = Form::new(headers, body);
    while let Some((name, field)) = form.next(Place::Single, &[]).await? {
        match name.as_str() {
            IMAGE => draft.see(Source::File(form.file(field).await?))?,
            _ => draft.set(&name, form.value(&name, field).await?)?,
        }
    }
    Ok(Wish { cache: draft.cache, orders: vec![draft.order()?] })
}

pub(super) async fn batch(headers: &HeaderMap, body: Bytes, most: usize) -> Result<Wish, Problem> {
    let mut shared = Draft::new(Place::BatchForm, Parameters::default());
    let (mut images, mut overrides) = (Vec::new(), Vec::new());
    let mut form = Form::new(headers, body);
    while let Some((name, field)) = form.next(Place::BatchForm, &[IMAGES]).await? {
        match name.as_str() {
            IMAGES => {
                check_size(images.len() + 1, most)?;
                images.push(form.file(field).await?);
            }
            OVERRIDES => {
                let text = form.text(&name, field, LONGEST_OVERRIDES).await?;
                overrides = serde_json::from_str::<Vec<Strict>>(&text).map_err(|_| fields::wrong(OVERRIDES))?;
            }
            _ => shared.set(&name, form.value(&name, field).await?)?,
        }
    }
    check_size(images.len(), most)?;
    if overrides.len() > images.len() {
        return Err(fields::wrong(OVERRIDES));
    }
    let overrides = overrides.into_iter().map(|Strict(own)| own).chain(repeat(Value::Null));
    let orders = images.into_iter().zip(overrides).enumerate();
    let orders = orders.map(|(n, (image, own))| {
        file(&shared.parameters, Source::File(image), Some(own)).map_err(|problem| problem.within(&part(n)))
    });
    Ok(Wish { cache: shared.cache, orders: orders.collect::<Result<_, _>>()? })
}

/// The fields of a form, one after the other.
struct Form {
    fields: Multipart,
    seen: HashSet<String>,
    /// No field is longer than the whole body.
    length: usize,
}

impl Form {
    fn new(headers: &HeaderMap, body: Bytes) -> Self {
        let length = body.len();
        let fields = Multipart::new(headers, stream::iter([Ok::<_, PayloadError>(body)]));
        Self { fields, seen: HashSet::new(), length }
    }

    /// The next field, if it may stand here. Only those that are named in `lists` may stand here more than once.
    async fn next(&mut self, place: Place, lists: &[&str]) -> Result<Option<(String, Field)>, Problem> {
        let Some(field) = self.fields.try_next().await.map_err(broken)? else { return Ok(None) };
        let name = field.name().unwrap_or_default().to_owned();
        place.knows(&name)?;
        if !self.seen.insert(name.clone()) && !lists.contains(&name.as_str()) {
            let detail = format!("The field `{name}` was sent more than once.");
            return Err(Problem::new(&codes::DUPLICATE_FIELD, detail).with_parameter(name));
        }
        Ok(Some((name, field)))
    }

    async fn file(&self, mut field: Field) -> Result<Bytes, Problem> {
        let whole = field.bytes(self.length).await;
        whole.map_err(|_| Problem::new(&codes::INVALID_MULTIPART, "A field does not end."))?.map_err(broken)
    }

    async fn text(&self, name: &str, mut field: Field, longest: usize) -> Result<String, Problem> {
        let text = field.bytes(longest).await.map_err(|_| fields::wrong(name))?.map_err(broken)?;
        String::from_utf8(text.to_vec()).map_err(|_| fields::wrong(name))
    }

    async fn value(&self, name: &str, field: Field) -> Result<Value, Problem> {
        fields::from_text(name, &self.text(name, field, LONGEST_TEXT).await?)
    }
}

fn broken(error: MultipartError) -> Problem {
    Problem::new(&codes::INVALID_MULTIPART, format!("{error}."))
}
