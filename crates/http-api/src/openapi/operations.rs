//! What holds for every operation: authentication, the header of test keys, response headers and problems.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, Ref, RefOr};

/// The component that describes the header `X-Test-Scenario`.
pub(super) const TEST_SCENARIO: &str = "TestScenario";

/// The headers of every response to an authenticated caller.
pub(super) const HEADERS: [&str; 3] = ["RateLimit", "RateLimit-Policy", "X-Request-Id"];

/// A reference to the description of a header.
pub(super) fn header(name: &str) -> Ref {
    Ref::new(format!("#/components/headers/{name}"))
}

/// Completes the operations of each surface.
pub(super) fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let Some(api) = api_of(path).map(str::to_owned) else { continue };
        operations(item).for_each(|operation| of_api(operation, &api));
    }
}

/// The part after `/api/` of a path: `v1`, `agent`, `admin`.
pub(super) fn api_of(path: &str) -> Option<&str> {
    path.strip_prefix("/api/")?.split('/').next()
}

/// The operations at one path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, post, put, patch, delete, .. } = item;
    [get, post, put, patch, delete].into_iter().flatten()
}

fn of_api(operation: &mut Operation, api: &str) {
    operation.security = Some(security(api, operation.request_body.is_some()));
    // The same handlers serve several surfaces, and ids must be unique.
    let own = |id: String| if api == "v1" { id } else { format!("{api}_{id}") };
    operation.operation_id = operation.operation_id.take().map(own);

    let scenario = RefOr::Ref(Ref::new(format!("#/components/parameters/{TEST_SCENARIO}")));
    operation.parameters.get_or_insert_default().push(scenario);
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        response.headers.extend(HEADERS.map(|name| (name.to_owned(), RefOr::Ref(header(name)))));
        for link in response.links.values_mut() {
            if let RefOr::T(link) = link
                && !link.operation_id.is_empty()
            {
                link.operation_id = own(std::mem::take(&mut link.operation_id));
            }
        }
    }
    for (statuses, problem) in [("4XX", "Refused"), ("5XX", "Failed")] {
        let problem = RefOr::Ref(Ref::from_response_name(problem));
        operation.responses.responses.insert(statuses.to_owned(), problem);
    }
}

/// The ways to authenticate a request to a surface, of which one is enough.
fn security(api: &str, has_body: bool) -> Vec<SecurityRequirement> {
    let scopes: [String; 0] = [];
    let all = |names: &[&str]| {
        names.iter().fold(SecurityRequirement::default(), |proof, name| proof.add(*name, scopes.clone()))
    };
    let bearer = all(&["api_key"]);
    let agent = all(&["agent_key", "agent_timestamp", "agent_nonce", "agent_signature"]);
    let http = match has_body {
        true => all(&["http_signature", "http_signature_input", "http_content_digest"]),
        false => all(&["http_signature", "http_signature_input"]),
    };
    match api {
        "agent" => vec![agent, http],
        "admin" => vec![bearer, agent, http],
        _ => vec![bearer],
    }
}
