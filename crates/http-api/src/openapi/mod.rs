//! The OpenAPI document, and the responses at addresses that are not in it.

mod components;
mod links;
mod operations;

pub use components::describe;

use crate::{Problem, codes};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use utoipa::openapi::{OpenApi, PathItem};

/// What `OPTIONS *` answers.
const ALL_METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The finished document of a service: all routes that are registered, and no others.
#[derive(Debug)]
pub struct ApiDocument {
    json: String,
    routes: Vec<(String, Vec<&'static str>)>,
}

impl ApiDocument {
    /// Completes a document with what holds for every operation.
    pub fn new(mut document: OpenApi) -> Self {
        links::link(&mut document);
        operations::complete(&mut document);
        let methods = |item: &PathItem| {
            let all = [
                ("GET", item.get.is_some()),
                ("HEAD", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
                ("OPTIONS", true),
            ];
            all.into_iter().filter(|(_, has)| *has).map(|(method, _)| method).collect()
        };
        let routes = document.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect();
        Self { json: to_json(&document), routes }
    }

    /// The document as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The methods that `path` takes; none if no route has this path.
    pub fn methods(&self, path: &str) -> &[&'static str] {
        let fits = |pattern: &str| {
            let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(w), Some(g)) if w == g || (w.starts_with('{') && !g.is_empty()) => {}
                    _ => return false,
                }
            }
        };
        self.routes.iter().find(|(pattern, _)| fits(pattern)).map(|(_, methods)| methods.as_slice()).unwrap_or_default()
    }
}

/// The document as JSON. Optional header and query parameters are not nullable: there is no way to write `null` there.
fn to_json(document: &OpenApi) -> String {
    let mut document = serde_json::to_value(document).expect("a document can be written as JSON. This is a bug.");
    let items = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = items.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut());
    for operation in operations {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for schema in parameters.into_iter().flatten().filter_map(|parameter| parameter.get_mut("schema")) {
            if let Some(kinds) = schema.get_mut("type").filter(|kinds| kinds.is_array()) {
                let kind = kinds.as_array().into_iter().flatten().find(|kind| *kind != "null").cloned();
                *kinds = kind.unwrap_or_default();
            }
            let choices = schema.get("oneOf").and_then(Value::as_array);
            if let Some(choice) = choices.and_then(|all| all.iter().find(|choice| choice["type"] != "null")) {
                *schema = choice.clone();
            }
        }
    }
    serde_json::to_string_pretty(&document).expect("JSON can be written. This is a bug.")
}

/// Handles every request that no route takes: OPTIONS, and what is not found.
pub(crate) async fn fallback(request: HttpRequest, api: web::Data<ApiDocument>) -> Result<HttpResponse, Problem> {
    let methods = if request.path() == "*" { &ALL_METHODS } else { api.methods(request.path()) };
    if methods.is_empty() {
        return Err(Problem::new(&codes::ROUTE_NOT_FOUND, "No route of this service has this path."));
    }
    let allow = methods.join(", ");
    let header = HeaderValue::from_str(&allow).expect("methods are plain text. This is a bug.");
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((ALLOW, header)).finish());
    }
    let detail = format!("This address takes {allow}.");
    Err(Problem::new(&codes::METHOD_NOT_ALLOWED, detail).with_header(ALLOW, header))
}
