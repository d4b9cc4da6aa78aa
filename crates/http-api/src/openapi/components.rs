//! The start of a document: title, description and the components that operations refer to.

use super::operations::TEST_SCENARIO;
use crate::scenario::scenarios;
use crate::{ProblemBody, codes};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, ContentBuilder, Header, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref,
    Required, Response, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

/// What holds for every operation.
const EVERYWHERE: &str = "Every GET operation also answers HEAD, and every address answers OPTIONS.";

/// The start of the document of a service.
pub fn describe(title: &str, description: &str) -> OpenApi {
    let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title(title)
        .description(Some(format!("{description} {EVERYWHERE}")))
        .version(env!("CARGO_PKG_VERSION"));
    OpenApiBuilder::new().info(info.license(Some(license)).build()).components(Some(components())).build()
}

fn components() -> Components {
    let schemes = security_schemes().into_iter();
    let components = schemes.fold(ComponentsBuilder::new(), |all, (name, scheme)| all.security_scheme(name, scheme));
    let mut components = components
        .schema(ProblemBody::name(), ProblemBody::schema())
        .parameter(TEST_SCENARIO, test_scenario())
        .response("Refused", problem("Nothing was done; `code` says why", true))
        .response("Failed", problem("The server failed; try again after `Retry-After`", false))
        .build();
    components.headers = headers().into_iter().map(|(name, header)| (name.to_owned(), header.into())).collect();
    components
}

/// The headers that authenticate a request.
fn security_schemes() -> Vec<(&'static str, SecurityScheme)> {
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("orf_live_…").build();
    let header =
        |name: &str, what: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, what)));
    vec![
        ("api_key", SecurityScheme::Http(bearer)),
        ("agent_key", header("X-Agent-API-Key", "The agent's key; docs/agents.md shows how to sign.")),
        ("agent_timestamp", header("X-Agent-Timestamp", "When it was signed, in Unix seconds.")),
        (
            "agent_nonce",
            header("X-Agent-Nonce", "New for each request: 16 to 64 letters, digits, hyphens and underscores."),
        ),
        ("agent_signature", header("X-Agent-Signature", "HMAC-SHA256 of the canonical string, in hexadecimal.")),
        ("http_signature", header("Signature", "HTTP Message Signature (RFC 9421), hmac-sha256.")),
        (
            "http_signature_input",
            header("Signature-Input", "What it covers (RFC 9421), with `created`, `nonce` and `keyid`."),
        ),
        (
            "http_content_digest",
            header("Content-Digest", "Digest of the body (RFC 9530), sha-256 or sha-512, which the signature covers."),
        ),
    ]
}

/// The header of test keys.
fn test_scenario() -> Parameter {
    let what = "What is simulated for a test key (`orf_test_…`); a live key is refused with it. A scenario of a job says how \
                the job ends; with the code of a problem the response is that problem.";
    let problems = codes::ALL.iter().map(|kind| kind.code.to_owned());
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(scenarios().chain(problems)));
    ParameterBuilder::new()
        .name("X-Test-Scenario")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(what))
        .schema(Some(schema))
        .build()
}

/// The headers of responses.
fn headers() -> Vec<(&'static str, Header)> {
    let header = |schema: ObjectBuilder, what: &str| HeaderBuilder::new().schema(Some(schema)).description(Some(what));
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let policies = |parameters: &str| {
        let policy = format!("\"[a-z0-9-]+\"{parameters};pk=:[A-Za-z0-9+/=]*:");
        text().pattern(Some(format!("^{policy}(, {policy})*$")))
    };
    let rate_limit = "For each limit that the request counts against: what remains (`r`) and the seconds until there is \
                      more (`t`). Absent if nothing is limited. (draft-ietf-httpapi-ratelimit-headers-11)";
    let policy =
        "For each of these limits: the quota (`q`), its window in seconds (`w`) and its unit (`qu`), if not requests.";
    let wait = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let all = [
        ("RateLimit", header(policies(";r=[0-9]+;t=[0-9]+"), rate_limit)),
        ("RateLimit-Policy", header(policies(";q=[0-9]+;w=[0-9]+(;qu=\"[a-z-]+\")?"), policy)),
        ("Retry-After", header(wait, "Seconds after which the same request may succeed, if it is `retryable`.")),
        ("WWW-Authenticate", header(text(), "How to authenticate; with 401.")),
        ("X-Request-Id", header(text(), "The request's id, the client's own if it sent one.")),
    ];
    all.into_iter().map(|(name, header)| (name, header.build())).collect()
}

/// A response that is a problem.
fn problem(what: &str, is_for_client: bool) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    let answer = ResponseBuilder::new().description(what).content("application/problem+json", body);
    let own: &[&str] = if is_for_client { &["Retry-After", "WWW-Authenticate"] } else { &["Retry-After"] };
    let all = super::operations::HEADERS.iter().chain(own);
    all.fold(answer, |answer, name| answer.header_ref(*name, super::operations::header(name))).build()
}
