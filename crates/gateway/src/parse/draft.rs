//! A job request while its fields are read.

use super::fields::{self, CACHE, IMAGE, IMAGE_URL, IMAGES, MODEL, Place};
use super::{ImageSource, JobRequest, MAX_MODEL_NAME, ViewSource, image_text};
use domain::{Parameters, View};
use http_api::{Problem, codes};
use serde_json::Value;

/// The fields read so far.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    place: Place,
    images: Vec<ViewSource>,
    pub(super) model: Option<String>,
    pub(super) parameters: Parameters,
    cache: Option<bool>,
}

impl Draft {
    /// A request without fields.
    pub(super) fn new(place: Place) -> Self {
        Self { place, images: Vec::new(), model: None, parameters: Parameters::default(), cache: None }
    }

    /// A request for one image of a batch, with the fields of the batch.
    pub(super) fn of_batch(place: Place, shared: &Self) -> Self {
        Self { model: shared.model.clone(), parameters: shared.parameters.clone(), ..Self::new(place) }
    }

    /// Whether a result that was made before may answer.
    pub(super) fn cache(&self) -> bool {
        self.cache.unwrap_or(true)
    }

    /// Reads the fields of an object.
    pub(super) fn set_all(&mut self, fields: impl IntoIterator<Item = (String, Value)>) -> Result<(), Problem> {
        let fields: Vec<_> = fields.into_iter().collect();
        self.place.check(fields.iter().map(|(name, _)| name.as_str()))?;
        fields.into_iter().try_for_each(|(name, value)| self.set(&name, value))
    }

    /// Reads one field. `null` and empty text leave it unset.
    pub(super) fn set(&mut self, name: &str, value: Value) -> Result<(), Problem> {
        self.place.check([name])?;
        match (name, value) {
            (_, Value::Null) => Ok(()),
            (IMAGE, Value::String(text)) => self.set_image(View::Front, image_text::decode(text)?),
            (IMAGE_URL, Value::String(url)) => self.set_image(View::Front, image_url(&url)),
            (IMAGES, Value::Object(views)) => {
                let mut views = views.into_iter();
                views.try_for_each(|(view, value)| self.set_view(&view, value))
            }
            (IMAGES, _) => Err(fields::wrong_views()),
            (MODEL, Value::String(name)) => {
                let name = name.trim();
                // Names are parts of the names of lanes, where other characters have a meaning.
                let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
                if !is_plain || name.len() > MAX_MODEL_NAME {
                    return Err(fields::wrong(MODEL));
                }
                if !name.is_empty() {
                    self.model = Some(name.to_owned());
                }
                Ok(())
            }
            (IMAGE | IMAGE_URL | MODEL, _) => Err(fields::wrong(name)),
            (CACHE, value) => {
                self.cache = fields::switch(CACHE, &value)?;
                Ok(())
            }
            (name, value) => fields::set(&mut self.parameters, name, value),
        }
    }

    /// Reads one view of `images`: base64, or an object with `image` or `image_url`.
    fn set_view(&mut self, view: &str, value: Value) -> Result<(), Problem> {
        let view: View = view.parse().map_err(|_| fields::wrong_views())?;
        let within = |problem: Problem| problem.within(&format!("{IMAGES}.{view}"));
        let source = match value {
            Value::Null => None,
            Value::String(text) => image_text::decode(text).map_err(within)?,
            Value::Object(fields) => {
                let mut own = Draft::new(Place::Item);
                let place = fields.keys().find(|name| !matches!(name.as_str(), IMAGE | IMAGE_URL));
                if place.is_some() {
                    return Err(fields::wrong_views());
                }
                own.set_all(fields).map_err(within)?;
                own.images.pop().map(|image| image.source)
            }
            _ => return Err(fields::wrong_views()),
        };
        self.set_image(view, source)
    }

    /// Sets the image of a view; each view may be set once. An empty image counts as not sent.
    pub(super) fn set_image(&mut self, view: View, source: Option<ImageSource>) -> Result<(), Problem> {
        let Some(source) = source else { return Ok(()) };
        if self.images.iter().any(|image| image.view == view) {
            let detail = format!(
                "There are two images of the view {view}; `image`, `image_url` and `images.{view}` are \
                                  ways to send one."
            );
            return Err(Problem::new(&codes::DUPLICATE_FIELD, detail).with_parameter(IMAGE));
        }
        self.images.push(ViewSource { view, source });
        Ok(())
    }

    /// The request, if it has an image.
    pub(super) fn finish(mut self) -> Result<JobRequest, Problem> {
        if self.images.is_empty() {
            let detail = "The field `image` is missing or empty.";
            return Err(Problem::new(&codes::MISSING_IMAGE, detail).with_parameter(IMAGE));
        }
        self.images.sort_by_key(|image| image.view);
        Ok(JobRequest { images: self.images, model: self.model, parameters: self.parameters })
    }
}

fn image_url(text: &str) -> Option<ImageSource> {
    let url = text.trim();
    (!url.is_empty()).then(|| ImageSource::Url(url.to_owned()))
}
