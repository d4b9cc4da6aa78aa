//! How the body of a request is described. The parameters' description is the domain's own; the picture is added.

use domain::{MeshFormat, Parameters};
use std::borrow::Cow;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{Object, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A picture and its parameters, as form data.
pub(super) struct GenerateForm;

/// A picture and its parameters, as JSON.
pub(super) struct GenerateJson;

impl PartialSchema for GenerateForm {
    fn schema() -> RefOr<Schema> {
        let image = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("A PNG, JPEG or WebP file."));
        with_image("A picture and its parameters, as form data.", image.build())
    }
}

impl PartialSchema for GenerateJson {
    fn schema() -> RefOr<Schema> {
        let image = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A PNG, JPEG or WebP file in base64, or a `data:` URI of it."));
        with_image("A picture and its parameters, as JSON.", image.build())
    }
}

impl ToSchema for GenerateForm {
    fn name() -> Cow<'static, str> {
        "GenerateForm".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((MeshFormat::name().into(), MeshFormat::schema()));
    }
}

impl ToSchema for GenerateJson {
    fn name() -> Cow<'static, str> {
        "GenerateJson".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((MeshFormat::name().into(), MeshFormat::schema()));
    }
}

fn with_image(description: &str, image: Object) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = Parameters::schema() else {
        unreachable!("parameters are an object. This is a bug.")
    };
    object.description = Some(description.to_owned());
    object.properties.insert("image".to_owned(), RefOr::T(Schema::Object(image)));
    object.required.push("image".to_owned());
    RefOr::T(Schema::Object(object))
}
