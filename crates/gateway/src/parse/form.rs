//! Bodies of form data: image files beside the parameters as text.

use super::batch::{check_size, file, part};
use super::draft::Draft;
use super::fields::{self, IMAGE, IMAGES, OVERRIDES, Place};
use super::{ParsedRequest, image_text};
use crate::json::{Strict, message};
use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http_api::{Problem, codes};
use multer::{Field, Multipart};
use serde_json::Value;
use std::collections::HashSet;
use std::convert::Infallible;
use std::iter::repeat;

/// Maximum length of a parameter or URL as text, in bytes.
const MAX_TEXT: usize = 4096;
/// Maximum length of the parameters of single images, in bytes.
const MAX_OVERRIDES: usize = 256 * 1024;

pub(super) fn single(boundary: &str, body: Bytes) -> Result<ParsedRequest, Problem> {
    let mut draft = Draft::new(Place::Single);
    let mut form = Form::new(boundary, body);
    while let Some(Part { name, bytes }) = form.next(&[])? {
        match fields::form_view(&name) {
            Some(view) => draft.set_image(view, image_text::file(bytes)?)?,
            None if name == IMAGE => draft.set_image(domain::View::Front, image_text::file(bytes)?)?,
            None if name == IMAGES => return Err(wrong_images()),
            None => {
                // An unknown name is reported before its value is read.
                Place::Single.check([&*name])?;
                draft.set(&name, text(&name, &bytes, MAX_TEXT)?.into())?;
            }
        }
    }
    Ok(ParsedRequest { cache: draft.cache(), jobs: vec![draft.finish()?] })
}

pub(super) fn batch(boundary: &str, body: Bytes, most: usize) -> Result<ParsedRequest, Problem> {
    let mut shared = Draft::new(Place::BatchForm);
    let (mut images, mut overrides) = (Vec::new(), Vec::new());
    let mut form = Form::new(boundary, body);
    while let Some(Part { name, bytes }) = form.next(&[IMAGES])? {
        Place::BatchForm.check([&*name])?;
        match name.as_str() {
            IMAGES => {
                check_size(images.len() + 1, most)?;
                images.push(bytes);
            }
            OVERRIDES => {
                let text = text(&name, &bytes, MAX_OVERRIDES)?;
                if !text.trim().is_empty() {
                    let list = serde_json::from_str::<Vec<Strict>>(&text);
                    overrides = list.map_err(|error| fields::wrong(OVERRIDES).because(message(&error)))?;
                }
            }
            _ => shared.set(&name, text(&name, &bytes, MAX_TEXT)?.into())?,
        }
    }
    check_size(images.len(), most)?;
    if overrides.len() > images.len() {
        return Err(fields::wrong(OVERRIDES));
    }
    let overrides = overrides.into_iter().map(|Strict(own)| own).chain(repeat(Value::Null));
    let jobs = images.into_iter().zip(overrides).enumerate().map(|(n, (image, own))| {
        let job = image_text::file(image).and_then(|source| file(&shared, source, own));
        job.map_err(|problem| problem.within(&part(n)))
    });
    Ok(ParsedRequest { cache: shared.cache(), jobs: jobs.collect::<Result<_, _>>()? })
}

/// The parts of a form, one after the other.
struct Form {
    parts: Multipart<'static>,
    seen: HashSet<String>,
}

struct Part {
    name: String,
    bytes: Bytes,
}

impl Form {
    fn new(boundary: &str, body: Bytes) -> Self {
        let parts = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
        Self { parts, seen: HashSet::new() }
    }

    /// The next part. Only names in `lists` may occur more than once.
    fn next(&mut self, lists: &[&str]) -> Result<Option<Part>, Problem> {
        // The whole body is there, so nothing is waited for.
        let unfinished = || Problem::new(&codes::INVALID_MULTIPART, "A part of the form does not end.");
        let field: Option<Field<'_>> =
            self.parts.next_field().now_or_never().ok_or_else(unfinished)?.map_err(broken)?;
        let Some(field) = field else { return Ok(None) };
        let Some(name) = field.name().map(str::to_owned) else {
            let detail = "A part of the form has no name, or one that does not end: its header must read \
                          `Content-Disposition: form-data; name=\"...\"`.";
            return Err(Problem::new(&codes::INVALID_MULTIPART, detail));
        };
        if !self.seen.insert(name.clone()) && !lists.contains(&name.as_str()) {
            let name = crate::json::clip(&name);
            let detail = format!("The field {name:?} was sent more than once.");
            return Err(Problem::new(&codes::DUPLICATE_FIELD, detail).with_parameter(name));
        }
        let bytes = field.bytes().now_or_never().ok_or_else(unfinished)?.map_err(broken)?;
        Ok(Some(Part { name, bytes }))
    }
}

fn text(name: &str, bytes: &[u8], most: usize) -> Result<String, Problem> {
    let bytes = if bytes.len() > most { None } else { Some(bytes.to_vec()) };
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| fields::wrong(name))
}

fn wrong_images() -> Problem {
    let detail = "The views of one object are sent as `images[front]`, `images[left]`, `images[back]` and \
                  `images[right]`; a list of images goes to `batch`.";
    Problem::new(&codes::INVALID_PARAMETER, detail).with_parameter(IMAGES)
}

fn broken(error: multer::Error) -> Problem {
    let detail = match &error {
        multer::Error::IncompleteStream => "The form ends before its last boundary.".to_owned(),
        multer::Error::IncompleteFieldData { .. } => "A part of the form does not end.".to_owned(),
        multer::Error::IncompleteHeaders => "The headers of a part of the form do not end.".to_owned(),
        error => format!("The form cannot be read: {}.", message(error)),
    };
    Problem::new(&codes::INVALID_MULTIPART, detail)
}
