//! Links from the response that creates a job or a batch to the operations on it.
//!
//! The gateway creates jobs and batches and the status service reads them, so a link may lead from one document to the
//! other: behind the proxy that of the status service is at `/status/openapi.json`.

use super::operations::{api_of, operations};
use utoipa::openapi::link::Link;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Components, OpenApi, Paths, RefOr, Response};

/// The document that describes operations which are not in this one.
const STATUS_DOCUMENT: &str = "status/openapi.json";

/// The operations on the thing that an id names: the id, and for each link its name, path within the surface, and method.
type Operations = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

const OPERATIONS: [Operations; 2] = [
    (
        "job_id",
        &[
            ("job", "/jobs/{job_id}", "get"),
            ("status", "/status/{job_id}", "get"),
            ("events", "/jobs/{job_id}/events", "get"),
            ("result", "/jobs/{job_id}/result", "get"),
            ("thumbnail", "/jobs/{job_id}/thumbnail", "get"),
            ("cancel", "/jobs/{job_id}", "delete"),
        ],
    ),
    ("batch_id", &[("batch", "/batch/{batch_id}", "get")]),
];

/// Adds the links to every response that creates a job or a batch.
pub(super) fn link(document: &mut OpenApi) {
    let (paths, components) = (document.paths.clone(), document.components.clone().unwrap_or_default());
    for (path, item) in &mut document.paths.paths {
        let Some(api) = api_of(path).map(str::to_owned) else { continue };
        for operation in operations(item) {
            for response in operation.responses.responses.values_mut() {
                if let RefOr::T(response) = response
                    && response.headers.contains_key("Location")
                {
                    link_response(response, &api, &paths, &components);
                }
            }
        }
    }
}

fn link_response(response: &mut Response, api: &str, paths: &Paths, components: &Components) {
    for (id, links) in OPERATIONS {
        let mut bodies = response.content.values().filter_map(|content| match content {
            RefOr::T(content) => content.schema.as_ref(),
            RefOr::Ref(_) => None,
        });
        if !bodies.any(|body| has_property(body, id, components)) {
            continue;
        }
        for (name, path, method) in links {
            let path = format!("/api/{api}{path}");
            let item = paths.paths.get(&path);
            let is_here = item.is_some_and(|item| match *method {
                "delete" => item.delete.is_some(),
                _ => item.get.is_some(),
            });
            let document = if is_here { "" } else { STATUS_DOCUMENT };
            // A pointer to the operation, as the fragment of a URI (RFC 6901, section 6).
            let pointer = path.replace('/', "~1").replace('{', "%7B").replace('}', "%7D");
            let link = Link::builder()
                .operation_ref(format!("{document}#/paths/{pointer}/{method}"))
                .parameter(id, format!("$response.body#/{id}"));
            response.links.insert((*name).to_owned(), RefOr::T(link.build()));
        }
    }
}

fn has_property(schema: &RefOr<Schema>, name: &str, components: &Components) -> bool {
    match schema {
        RefOr::T(Schema::Object(object)) => object.properties.contains_key(name),
        RefOr::T(_) => false,
        RefOr::Ref(reference) => {
            let schema = reference.ref_location.rsplit('/').next().and_then(|name| components.schemas.get(name));
            schema.is_some_and(|schema| has_property(schema, name, components))
        }
    }
}
