//! The OpenAPI document, and what happens at addresses that are not in it.

use crate::{Problem, ProblemBody, codes};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};

/// Begins the document of a service.
pub fn describe(title: &str, description: &str) -> OpenApi {
    let info =
        InfoBuilder::new().title(title).description(Some(description)).version(env!("CARGO_PKG_VERSION")).license(
            Some(utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()),
        );
    let bearer =
        SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("orf_live_…").build());
    let header =
        |name: &str, what: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, what)));
    let components = ComponentsBuilder::new()
        .security_scheme("api_key", bearer)
        .security_scheme("agent_key", header("X-Agent-API-Key", "The agent's key; docs/agents.md shows how to sign."))
        .security_scheme("agent_timestamp", header("X-Agent-Timestamp", "When it was signed, in Unix seconds."))
        .security_scheme("agent_nonce", header("X-Agent-Nonce", "New for each request."))
        .security_scheme("agent_signature", header("X-Agent-Signature", "HMAC-SHA256 of the canonical string."))
        .security_scheme("http_signature", header("Signature", "HTTP Message Signature (RFC 9421), hmac-sha256."))
        .security_scheme("http_signature_input", header("Signature-Input", "What it covers (RFC 9421)."))
        .schema(ProblemBody::name(), ProblemBody::schema());
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// The finished document of a service: all routes that are registered, and no others.
#[derive(Debug)]
pub struct ApiDocument {
    json: String,
    routes: Vec<(String, Vec<&'static str>)>,
}

impl ApiDocument {
    /// Finishes a document. The same handlers serve several APIs, so what differs is set here: how a request proves
    /// whose it is, and the operations' ids, which must be unique.
    pub fn new(mut document: OpenApi) -> Self {
        for (path, item) in &mut document.paths.paths {
            let prefix = path.strip_prefix("/api/").and_then(|rest| rest.split('/').next()).map(str::to_owned);
            let Some(prefix) = prefix else { continue };
            let operations = [&mut item.get, &mut item.head, &mut item.post, &mut item.put, &mut item.patch];
            for operation in operations.into_iter().chain([&mut item.delete]).flatten() {
                operation.security = Some(proofs(&prefix));
                if prefix != "v1" {
                    operation.operation_id = operation.operation_id.take().map(|id| format!("{prefix}_{id}"));
                }
            }
        }
        let json = to_json(&document);
        let methods = |item: &utoipa::openapi::PathItem| {
            let all = [
                ("GET", item.get.is_some()),
                ("HEAD", item.head.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            all.into_iter().filter(|(_, there)| *there).map(|(method, _)| method).collect()
        };
        let routes = document.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect();
        Self { json, routes }
    }

    /// The document as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The methods that `path` takes; none if there is nothing at that address.
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

/// The document as JSON, in which what may be left out of a header or a query is not said to be `null` either: there is
/// no way to write that there.
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

/// How a request to an API proves whose it is: one of these.
fn proofs(prefix: &str) -> Vec<SecurityRequirement> {
    let scopes: [String; 0] = [];
    let bearer = || SecurityRequirement::new("api_key", scopes.clone());
    let agent = || {
        let names = ["agent_key", "agent_timestamp", "agent_nonce", "agent_signature"];
        names.into_iter().fold(SecurityRequirement::default(), |proof, name| proof.add(name, scopes.clone()))
    };
    let http =
        || SecurityRequirement::new("http_signature", scopes.clone()).add("http_signature_input", scopes.clone());
    match prefix {
        "agent" => vec![agent(), http()],
        "admin" => vec![bearer(), agent(), http()],
        _ => vec![bearer()],
    }
}

/// Answers every request that no route takes.
pub(crate) async fn elsewhere(request: HttpRequest, api: web::Data<ApiDocument>) -> Result<HttpResponse, Problem> {
    let methods = api.methods(request.path());
    if methods.is_empty() {
        return Err(Problem::new(&codes::ROUTE_NOT_FOUND, "No route of this service has this path."));
    }
    let allow = methods.join(", ");
    let detail = format!("This address takes {allow}.");
    let header = HeaderValue::from_str(&allow).expect("methods are plain text. This is a bug.");
    Err(Problem::new(&codes::METHOD_NOT_ALLOWED, detail).with_header(ALLOW, header))
}
