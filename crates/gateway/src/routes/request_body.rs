//! How the bodies of requests are described. The parameters' description is the domain's own; what is beside them is
//! added.

use domain::{MeshFormat, Parameters};
use serde_json::json;
use std::borrow::Cow;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType,
    Type,
};
use utoipa::openapi::{Object, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A picture and its parameters, as form data.
pub(super) struct GenerateForm;
/// A picture and its parameters, as JSON.
pub(super) struct GenerateJson;
/// Pictures and parameters, as form data.
pub(super) struct BatchForm;
/// Pictures and parameters, as JSON.
pub(super) struct BatchJson;
/// A picture of a batch with parameters of its own.
struct BatchItem;

impl PartialSchema for GenerateForm {
    fn schema() -> RefOr<Schema> {
        let fields = [("image", file()), ("image_url", url()), ("cache", cache())];
        one_picture(without_null(with("A picture and its parameters, as form data.", &[], fields)))
    }
}

impl PartialSchema for GenerateJson {
    fn schema() -> RefOr<Schema> {
        let fields = [("image", base64()), ("image_url", url()), ("cache", cache())];
        one_picture(with("A picture and its parameters, as JSON.", &[], fields))
    }
}

impl PartialSchema for BatchForm {
    fn schema() -> RefOr<Schema> {
        let overrides =
            text("A list of JSON objects, one for each picture, with parameters of its own; `null` for none.");
        let fields = [("images", list(file(), "The pictures.")), ("overrides", overrides), ("cache", cache())];
        without_null(with("Pictures and parameters that hold for all of them, as form data.", &["images"], fields))
    }
}

impl PartialSchema for BatchJson {
    fn schema() -> RefOr<Schema> {
        let item = OneOfBuilder::new().item(base64()).item(RefOr::Ref(Ref::from_schema_name(BatchItem::name())));
        let images = list(RefOr::T(item.build().into()), "The pictures.");
        let fields = [("images", images), ("cache", cache())];
        with("Pictures and parameters that hold for all of them, as JSON.", &["images"], fields)
    }
}

impl PartialSchema for BatchItem {
    fn schema() -> RefOr<Schema> {
        let fields = [("image", base64()), ("image_url", url())];
        one_picture(with("A picture of a batch with parameters of its own.", &[], fields))
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

/// The parameters, and more fields beside them; no others.
fn with<const N: usize>(
    description: &str,
    required: &[&str],
    fields: [(&'static str, RefOr<Schema>); N],
) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = Parameters::schema() else {
        unreachable!("parameters are an object. This is a bug.")
    };
    object.description = Some(description.to_owned());
    object.properties.extend(fields.map(|(name, schema)| (name.to_owned(), schema)));
    object.required.extend(required.iter().map(|&name| name.to_owned()));
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    RefOr::T(Schema::Object(object))
}

/// In a form there is no way to write `null`.
fn without_null(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        for property in object.properties.values_mut() {
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

/// With `image` or with `image_url`, not with both.
fn one_picture(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        let either = json!([{ "required": ["image"] }, { "required": ["image_url"] }]);
        // An object of this library has no field for it.
        object.extensions = Some(Extensions::from_iter([("oneOf", either)]));
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

fn cache() -> RefOr<Schema> {
    let what = "A mesh that was made of the same picture, parameters and seed will do; true unless said otherwise.";
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
