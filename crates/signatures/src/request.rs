//! A request's head, as far as a signature speaks of it.

use crate::Malformed;

/// Headers that change what a request means. Both schemes cover each of them that is present, and refuse a second one.
pub const MEANINGFUL_HEADERS: [&str; 5] =
    ["cache-control", "content-encoding", "content-type", "idempotency-key", "x-test-scenario"];

/// The longest path with query, in bytes.
pub(crate) const MOST_TARGET: usize = 8 * 1024;

/// The longest value of a header that a signature covers, in bytes.
pub(crate) const MOST_VALUE: usize = 4 * 1024;

/// The head of a request, borrowed from whichever HTTP library holds it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// As sent, such as `POST`.
    pub method: &'a str,
    /// `http` or `https`, as the client spoke it: behind a proxy, the proxy's. Only RFC 9421 uses it.
    pub scheme: &'a str,
    /// The `Host` header or `:authority`, with its port if the client sent one. Only RFC 9421 uses it.
    pub authority: &'a str,
    /// As sent: neither decoded nor normalised.
    pub path: &'a str,
    /// What follows the `?`, as sent; `None` without one.
    pub query: Option<&'a str>,
    /// All values of the header with this lower-case name, in order.
    pub headers: &'a dyn Fn(&str) -> Vec<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// Refuses what no request line of HTTP can hold, so that no part of it can run into the next one.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        let parts = [self.method, self.scheme, self.authority, self.path, self.query.unwrap_or_default()];
        let splits = self.path.contains(['?', '#']) || parts[4].contains('#');
        if splits || parts.iter().any(|part| !part.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Malformed::RequestLine);
        }
        if parts.iter().map(|part| part.len()).sum::<usize>() > MOST_TARGET {
            return Err(Malformed::TooLong { what: "The request's target", most: MOST_TARGET });
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

    /// The value of a header that may come once, without the space around it.
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

    /// A header's value as RFC 9421 section 2.1 combines it: every line trimmed, joined by a comma and a space.
    pub(crate) fn combined(&self, name: &str, most: usize) -> Result<Option<String>, Malformed> {
        let values = (self.headers)(name);
        if values.is_empty() {
            return Ok(None);
        }
        if values.iter().map(|value| value.len() + 2).sum::<usize>() > most + 2 {
            return Err(Malformed::HeaderTooLong { name: name.to_owned(), most });
        }
        let lines: Vec<&str> = values.into_iter().map(|value| text(name, value)).collect::<Result<_, _>>()?;
        Ok(Some(lines.join(", ")))
    }
}

/// One line of a header: printable ASCII and tabs, so that it cannot hold the end of a line.
fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, Malformed> {
    if value.len() > MOST_VALUE {
        return Err(Malformed::HeaderTooLong { name: name.to_owned(), most: MOST_VALUE });
    }
    let printable = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
    match std::str::from_utf8(value) {
        Ok(text) if value.iter().all(printable) => Ok(text.trim_matches([' ', '\t'])),
        _ => Err(Malformed::HeaderText { name: name.to_owned() }),
    }
}
