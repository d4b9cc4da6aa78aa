//! The page of documentation that follows from the table of problems.

use crate::codes;

const HEAD: &str = "\
# Errors

Every answer with a status of 400 or more has a body of type `application/problem+json` (RFC 9457):

| field | meaning |
| --- | --- |
| `type` | `urn:orfeas:problem:` and the code |
| `title` | what kind of problem it is, for people; the same each time |
| `status` | the HTTP status |
| `code` | what kind of problem it is, for programs; stable |
| `detail` | what went wrong this time |
| `suggestion` | what can be done about it |
| `retryable` | whether the very same request may succeed later; then `Retry-After` says in how many seconds |
| `parameter` | the field at fault, if it is one |
| `failure` | why the job failed, with `job_failed` |
| `request_id` | the id of the request, also in the header `x-request-id`; name it when you report a problem |
| `trace_id` | the trace of the request, if it is traced |

A program should look at `code`, and treat a code that it does not know by its status.

| code | status | title | retry | what to do |
| --- | --- | --- | --- | --- |
";

/// `docs/api/errors.md`, as it must read.
pub fn errors_page() -> String {
    let mut page = HEAD.to_owned();
    for kind in codes::ALL {
        let retry = kind.retry_after.map_or_else(|| "no".to_owned(), |seconds| format!("after {seconds} s"));
        let codes::Kind { code, status, title, suggestion, .. } = kind;
        page.push_str(&format!("| `{code}` | {status} | {title} | {retry} | {suggestion} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api/errors.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(page == errors_page(), "write it anew: cargo run -p web --example errors_page > docs/api/errors.md");
    }
}
