//! Message components and the signature base (RFC 9421 sections 2.1, 2.2 and 2.5).

use super::CONTENT_DIGEST;
use crate::request::MAX_VALUE;
use crate::{COVERED_HEADERS, Malformed, Request};
use sfv::{BareItem, FieldType, InnerList, List, ListEntry};

/// Maximum number of covered components.
const MAX_COMPONENTS: usize = 32;
/// Longest component name, in bytes.
const MAX_NAME: usize = 64;

/// The names of the covered components, in order.
pub(super) fn names(input: &InnerList) -> Result<Vec<&str>, Malformed> {
    if input.items.len() > MAX_COMPONENTS {
        return Err(Malformed::TooManyComponents { max: MAX_COMPONENTS });
    }
    let mut names = Vec::with_capacity(input.items.len());
    for item in &input.items {
        let BareItem::String(name) = &item.bare_item else { return Err(Malformed::ComponentName) };
        let name = name.as_str();
        if !is_name(name) {
            return Err(Malformed::ComponentName);
        }
        if let Some((parameter, _)) = item.params.first() {
            let parameter = parameter.as_str().chars().take(MAX_NAME).collect();
            return Err(Malformed::ComponentParameter { name: name.to_owned(), parameter });
        }
        if names.contains(&name) {
            return Err(Malformed::RepeatedComponent { name: name.to_owned() });
        }
        names.push(name);
    }
    Ok(names)
}

/// A lower-case HTTP token, prefixed with `@` for a derived component.
fn is_name(name: &str) -> bool {
    let token = name.strip_prefix('@').unwrap_or(name);
    let is_token = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !token.is_empty() && name.len() <= MAX_NAME && token.bytes().all(is_token)
}

/// Refuses a signature that does not cover every part that changes the meaning of the request. The body is checked
/// later.
pub(super) fn require(request: &Request<'_>, covered: &[&str]) -> Result<(), Malformed> {
    let covers = |name: &str| covered.contains(&name);
    let has_uri = covers("@target-uri");
    let has_target = has_uri || covers("@request-target");
    let required = [
        ("@method", true),
        ("@authority", !has_uri),
        ("@path", !has_target),
        ("@query", request.query.is_some() && !has_target),
    ];
    if let Some((name, _)) = required.into_iter().find(|(name, required)| *required && !covers(name)) {
        return Err(Malformed::NotCovered { name });
    }
    for name in COVERED_HEADERS {
        // Read as a single value: two lines and one line with a comma have the same signature base.
        if request.single(name)?.is_some() && !covers(name) {
            return Err(Malformed::NotCovered { name });
        }
    }
    Ok(())
}

/// The signed text: a line per component, then the parameters (section 2.5).
pub(super) fn signature_base(request: &Request<'_>, covered: &[&str], input: &InnerList) -> Result<String, Malformed> {
    request.check()?;
    let mut base = String::new();
    for name in covered {
        base.extend(["\"", name, "\": ", &value(request, name)?, "\n"]);
    }
    base.extend(["\"@signature-params\": ", &serialize(input)]);
    Ok(base)
}

/// The canonical form of components and parameters (section 2.3).
pub(super) fn serialize(input: &InnerList) -> String {
    let list: List = vec![ListEntry::InnerList(input.clone())];
    list.serialize().unwrap_or_default()
}

/// The value of one component.
fn value(request: &Request<'_>, name: &str) -> Result<String, Malformed> {
    let unknown = || Malformed::UnknownComponent { name: name.to_owned() };
    Ok(match name {
        "@method" => request.method.to_owned(),
        "@authority" => authority(request),
        "@scheme" => request.scheme.to_ascii_lowercase(),
        "@target-uri" => {
            format!("{}://{}{}", request.scheme.to_ascii_lowercase(), authority(request), request.target())
        }
        "@request-target" => request.target(),
        "@path" if request.path.is_empty() => "/".to_owned(),
        "@path" => request.path.to_owned(),
        "@query" => format!("?{}", request.query.unwrap_or_default()),
        _ if name.starts_with('@') => return Err(unknown()),
        _ => {
            let max = if name == CONTENT_DIGEST { super::MAX_FIELD } else { MAX_VALUE };
            let missing = || Malformed::CoveredHeaderMissing { name: name.to_owned() };
            request.combined(name, max)?.ok_or_else(missing)?
        }
    })
}

/// Lower case, without the scheme's default port (section 2.2.3).
fn authority(request: &Request<'_>) -> String {
    let mut authority = request.authority.to_ascii_lowercase();
    let default_port = if request.scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    if authority.ends_with(default_port) {
        authority.truncate(authority.len() - default_port.len());
    }
    authority
}
