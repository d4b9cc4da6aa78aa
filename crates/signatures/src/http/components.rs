//! The components of a message, and the signature base that is made of them (RFC 9421 sections 2.1, 2.2 and 2.5).

use super::CONTENT_DIGEST;
use crate::request::MOST_VALUE;
use crate::{MEANINGFUL_HEADERS, Malformed, Request};
use sfv::{BareItem, FieldType, InnerList, List, ListEntry};

/// More components than a request of ours has.
const MOST_COMPONENTS: usize = 32;
/// The longest name of one, in bytes.
const MOST_NAME: usize = 64;

/// The names of the covered components, in order.
pub(super) fn names(input: &InnerList) -> Result<Vec<&str>, Malformed> {
    if input.items.len() > MOST_COMPONENTS {
        return Err(Malformed::TooManyComponents { most: MOST_COMPONENTS });
    }
    let mut names = Vec::with_capacity(input.items.len());
    for item in &input.items {
        let BareItem::String(name) = &item.bare_item else { return Err(Malformed::ComponentName) };
        let name = name.as_str();
        if !is_name(name) {
            return Err(Malformed::ComponentName);
        }
        if let Some((parameter, _)) = item.params.first() {
            let parameter = parameter.as_str().chars().take(MOST_NAME).collect();
            return Err(Malformed::ComponentParameter { name: name.to_owned(), parameter });
        }
        if names.contains(&name) {
            return Err(Malformed::RepeatedComponent { name: name.to_owned() });
        }
        names.push(name);
    }
    Ok(names)
}

/// A lower-case token of HTTP, with an `@` before it for a derived component.
fn is_name(name: &str) -> bool {
    let token = name.strip_prefix('@').unwrap_or(name);
    let is_token = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !token.is_empty() && name.len() <= MOST_NAME && token.bytes().all(is_token)
}

/// Refuses a signature that leaves something open which changes what the request means. The body is looked at later.
pub(super) fn require(request: &Request<'_>, covered: &[&str]) -> Result<(), Malformed> {
    let covers = |name: &str| covered.contains(&name);
    let whole = covers("@target-uri");
    let target = whole || covers("@request-target");
    let needed =
        [("@method", true), ("@authority", !whole), ("@path", !target), ("@query", request.query.is_some() && !target)];
    if let Some((name, _)) = needed.into_iter().find(|(name, needed)| *needed && !covers(name)) {
        return Err(Malformed::NotCovered { name });
    }
    for name in MEANINGFUL_HEADERS {
        // Asked for as a single value: two lines and one line with a comma have the same base.
        if request.single(name)?.is_some() && !covers(name) {
            return Err(Malformed::NotCovered { name });
        }
    }
    Ok(())
}

/// The text that is signed: a line for each component, and the parameters as the last one (section 2.5).
pub(super) fn signature_base(request: &Request<'_>, covered: &[&str], input: &InnerList) -> Result<String, Malformed> {
    request.check()?;
    let mut base = String::new();
    for name in covered {
        base.extend(["\"", name, "\": ", &value(request, name)?, "\n"]);
    }
    base.extend(["\"@signature-params\": ", &serialize(input)]);
    Ok(base)
}

/// The components with their parameters, in the one way of writing them that section 2.3 asks for.
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
            let most = if name == CONTENT_DIGEST { super::MOST_FIELD } else { MOST_VALUE };
            let missing = || Malformed::CoveredHeaderMissing { name: name.to_owned() };
            request.combined(name, most)?.ok_or_else(missing)?
        }
    })
}

/// Lower case, without the scheme's own port (section 2.2.3).
fn authority(request: &Request<'_>) -> String {
    let mut authority = request.authority.to_ascii_lowercase();
    let own = if request.scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    if authority.ends_with(own) {
        authority.truncate(authority.len() - own.len());
    }
    authority
}
