//! The OpenAPI descriptions of request bodies: the parameters, as the domain describes them, and the fields beside them.

use crate::parse::MAX_MODEL_NAME;
use domain::{MeshFormat, PARAMETERS, ParameterKind, Parameters, View};
use serde_json::json;
use std::borrow::Cow;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType,
    Type,
};
use utoipa::openapi::{Object, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// An image and its parameters, as form data.
pub(super) struct GenerateForm;
/// An image and its parameters, as JSON.
pub(super) struct GenerateJson;
/// Images and parameters, as form data.
pub(super) struct BatchForm;
/// Images and parameters, as JSON.
pub(super) struct BatchJson;
/// An image of a batch with fields of its own.
struct BatchItem;

impl PartialSchema for GenerateForm {
    fn schema() -> RefOr<Schema> {
        let fields = [
            ("image", file()),
            ("images[front]", view_file(View::Front)),
            ("images[left]", view_file(View::Left)),
            ("images[back]", view_file(View::Back)),
            ("images[right]", view_file(View::Right)),
            ("image_url", url()),
            ("model", model()),
            ("cache", cache()),
        ];
        one_image_source(without_null(with("An image and its parameters, as form data.", &[], fields)))
    }
}

impl PartialSchema for GenerateJson {
    fn schema() -> RefOr<Schema> {
        let fields =
            [("image", base64()), ("images", views()), ("image_url", url()), ("model", model()), ("cache", cache())];
        one_image_source(with("An image and its parameters, as JSON.", &[], fields))
    }
}

impl PartialSchema for BatchForm {
    fn schema() -> RefOr<Schema> {
        let overrides = text("A list of JSON objects, one for each image, with fields of its own; `null` for none.");
        let fields =
            [("images", list(file(), "The images.")), ("overrides", overrides), ("model", model()), ("cache", cache())];
        without_null(with("Images and the fields that hold for all of them, as form data.", &["images"], fields))
    }
}

impl PartialSchema for BatchJson {
    fn schema() -> RefOr<Schema> {
        let item = OneOfBuilder::new().item(base64()).item(RefOr::Ref(Ref::from_schema_name(BatchItem::name())));
        let images = list(RefOr::T(item.build().into()), "The images.");
        let fields = [("images", images), ("model", model()), ("cache", cache())];
        with("Images and the fields that hold for all of them, as JSON.", &["images"], fields)
    }
}

impl PartialSchema for BatchItem {
    fn schema() -> RefOr<Schema> {
        let fields = [("image", base64()), ("images", views()), ("image_url", url()), ("model", model())];
        one_image_source(with("An image of a batch with fields of its own.", &[], fields))
    }
}

macro_rules! schemas {
    ($($body:ident),*) => {
        $(impl ToSchema for $body {
            fn name() -> Cow<'static, str> {
                stringify!($body).into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                schemas.push((MeshFormat::name().into(), MeshFormat::schema()));
                schemas.push((BatchItem::name().into(), BatchItem::schema()));
            }
        })*
    };
}

schemas!(GenerateForm, GenerateJson, BatchForm, BatchJson, BatchItem);

/// An object of the parameters and more fields, and no others.
fn with<const N: usize>(
    description: &str,
    required: &[&str],
    fields: [(&'static str, RefOr<Schema>); N],
) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = Parameters::schema() else {
        unreachable!("parameters are an object. This is a bug.")
    };
    object.description = Some(description.to_owned());
    for info in PARAMETERS {
        let (min, max) = match info.kind {
            ParameterKind::Integer { min, max } => {
                (utoipa::Number::from(min as usize), utoipa::Number::from(max as usize))
            }
            ParameterKind::Number { min, max } => (min.into(), max.into()),
            ParameterKind::Choice(_) => continue,
        };
        if let Some(RefOr::T(Schema::Object(property))) = object.properties.get_mut(info.name) {
            (property.minimum, property.maximum) = (Some(min), Some(max));
        }
    }
    object.properties.extend(fields.map(|(name, schema)| (name.to_owned(), schema)));
    object.required.extend(required.iter().map(|&name| name.to_owned()));
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    RefOr::T(Schema::Object(object))
}

/// A form cannot express `null`.
fn without_null(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        for property in object.properties.values_mut() {
            if let RefOr::T(Schema::OneOf(choice)) = property
                && let Some(item) = choice.items.iter().find(|item| matches!(item, RefOr::Ref(_)))
            {
                *property = item.clone();
            }
            if let RefOr::T(Schema::Object(property)) = property
                && let SchemaType::Array(kinds) = &property.schema_type
            {
                let kind = kinds.iter().find(|kind| **kind != Type::Null).cloned();
                property.schema_type = kind.map_or(SchemaType::AnyValue, SchemaType::Type);
                property.default = None;
            }
        }
    }
    schema
}

/// Exactly one of the ways to send an image.
fn one_image_source(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let one = json!([{ "required": ["image"] }, { "required": ["image_url"] }, { "required": ["images"] }]);
        // The object type of utoipa has no field for it.
        object.extensions = Some(Extensions::from_iter([("oneOf", one)]));
    }
    schema
}

fn file() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    let file = ObjectBuilder::new().schema_type(Type::String).format(Some(format)).min_length(Some(1));
    described(file, "A PNG, JPEG or WebP file.")
}

fn base64() -> RefOr<Schema> {
    let base64 = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    described(base64, "A PNG, JPEG or WebP file in base64, or a `data:` URI of it.")
}

fn url() -> RefOr<Schema> {
    let format = SchemaFormat::Custom("uri".to_owned());
    let url = ObjectBuilder::new().schema_type(Type::String).format(Some(format)).pattern(Some("^https?://"));
    let what = "Where the file is fetched, in place of `image`; refused (`url_not_allowed`) unless the operator has \
                switched that on.";
    described(url, what)
}

fn view_file(view: View) -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    let file = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
    described(file, &format!("The {view} view of the object, for models that take several views."))
}

/// The views of one object; each is base64, or an object with `image` or `image_url`.
fn views() -> RefOr<Schema> {
    let view = || {
        let url = ObjectBuilder::new().property("image", base64()).property("image_url", url());
        let url = url.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
        RefOr::T(Schema::from(OneOfBuilder::new().item(base64()).item(url.build()).build()))
    };
    let mut views = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    for name in View::ALL {
        views = views.property(name.as_str(), view());
    }
    described(views, "The views of one object, for models that take several; `front` alone is the same as `image`.")
}

fn model() -> RefOr<Schema> {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(MAX_MODEL_NAME))
        .pattern(Some("^[A-Za-z0-9._-]*$"));
    described(name, "The name of a model that `GET .../models` lists; absent: the default model.")
}

fn cache() -> RefOr<Schema> {
    let what =
        "Whether a result that was made from the same images, parameters, seed and model may answer; true by default.";
    described(ObjectBuilder::new().schema_type(Type::Boolean), what)
}

fn text(what: &str) -> RefOr<Schema> {
    described(ObjectBuilder::new().schema_type(Type::String), what)
}

fn list(items: RefOr<Schema>, what: &str) -> RefOr<Schema> {
    let list = ArrayBuilder::new().items(items).min_items(Some(1)).description(Some(what));
    RefOr::T(Schema::Array(list.build()))
}

fn described(schema: ObjectBuilder, what: &str) -> RefOr<Schema> {
    let object: Object = schema.description(Some(what)).build();
    RefOr::T(Schema::Object(object))
}
