//! The parts of a request's head that signatures cover.

use crate::Malformed;

/// Headers that change the meaning of a request. Both schemes cover each of them that is present, and refuse repeated
/// ones.
pub const COVERED_HEADERS: [&str; 5] =
    ["cache-control", "content-encoding", "content-type", "idempotency-key", "x-test-scenario"];

/// Longest path with query, in bytes.
pub(crate) const MAX_TARGET: usize = 8 * 1024;

/// Longest value of a covered header, in bytes.
pub(crate) const MAX_VALUE: usize = 4 * 1024;

/// The head of a request, borrowed from any HTTP library.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// As sent, such as `POST`.
    pub method: &'a str,
    /// `http` or `https`, as seen by the client: behind a proxy, the proxy's scheme. Only RFC 9421 uses it.
    pub scheme: &'a str,
    /// The `Host` header or `:authority`, including a port if sent. Only RFC 9421 uses it.
    pub authority: &'a str,
    /// As sent: neither decoded nor normalised.
    pub path: &'a str,
    /// The part after the `?`, as sent; `None` without a `?`.
    pub query: Option<&'a str>,
    /// All values of the header with this lower-case name, in order.
    pub headers: &'a dyn Fn(&str) -> Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Refuses parts that an HTTP request line cannot contain, so that adjacent parts cannot run together.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        let parts = [self.method, self.scheme, self.authority, self.path, self.query.unwrap_or_default()];
        let splits = self.path.contains(['?', '#']) || parts[4].contains('#');
        if splits || parts.iter().any(|part| !part.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Malformed::RequestLine);
        }
        if parts.iter().map(|part| part.len()).sum::<usize>() > MAX_TARGET {
            return Err(Malformed::TooLong { what: "The request's target", max: MAX_TARGET });
        }
        Ok(())
    }

    /// The path, and the query with its `?` if there is one. An empty path is `/`.
    pub(crate) fn target(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { self.path };
        match self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// The trimmed value of a header that may occur once.
    pub(crate) fn single(&self, name: &str) -> Result<Option<&'a str>, Malformed> {
        match (self.headers)(name)[..] {
            [] => Ok(None),
            [value] => match text(name, value)? {
                "" => Err(Malformed::HeaderText { name: name.to_owned() }),
                value => Ok(Some(value)),
            },
            _ => Err(Malformed::RepeatedHeader { name: name.to_owned() }),
        }
    }

    /// A header's value combined as in RFC 9421 section 2.1: lines trimmed, then joined by a comma and a space.
    pub(crate) fn combined(&self, name: &str, max: usize) -> Result<Option<String>, Malformed> {
        let values = (self.headers)(name);
        if values.is_empty() {
            return Ok(None);
        }
        if values.iter().map(|value| value.len() + 2).sum::<usize>() > max + 2 {
            return Err(Malformed::HeaderTooLong { name: name.to_owned(), max });
        }
        let lines: Vec<&str> = values.into_iter().map(|value| text(name, value)).collect::<Result<_, _>>()?;
        Ok(Some(lines.join(", ")))
    }
}

/// One line of a header: printable ASCII and tabs only, so it cannot contain a line break.
fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Malformed> {
    if value.len() > MAX_VALUE {
        return Err(Malformed::HeaderTooLong { name: name.to_owned(), max: MAX_VALUE });
    }
    let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    match std::str::from_utf8(value) {
        Ok(text) if value.iter().all(printable) => Ok(text.trim_matches([' ', '\t'])),
        _ => Err(Malformed::HeaderText { name: name.to_owned() }),
    }
}
