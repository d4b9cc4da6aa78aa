//! The page `docs/api/errors.md`, generated from the tables of problems and of failure codes.

use crate::codes;
use domain::FailureCode;

const HEAD: &str = "\
# Errors

Generated from the tables of the source: `cargo run -p http-api --example errors_page > docs/api/errors.md`.

## Problems

Every response with a status of 400 or more has a body of type `application/problem+json` (RFC 9457):

| field | meaning |
| --- | --- |
| `type` | `urn:orfeas:problem:` and the code |
| `title` | the kind of problem, for people; the same each time |
| `status` | the HTTP status |
| `code` | the kind of problem, for programs; stable |
| `detail` | what went wrong this time; at most 600 characters |
| `suggestion` | what can be done about it |
| `retryable` | whether the same request may succeed later; then `Retry-After` says after how many seconds |
| `parameter` | the field at fault, if there is one |
| `failure` | why the job failed, with `job_failed` |
| `request_id` | the id of the request, also in the header `x-request-id`; name it in a bug report |
| `trace_id` | the trace of the request, if it is traced |

A program should look at `code`, and treat a code that it does not know by its status. A client may read the response before
it has sent the whole body: a refused upload is read to its end within bounds (96 MiB, 30 s, at least 32 KiB/s), then the
connection is closed.

| code | status | title | retry | what to do |
| --- | --- | --- | --- | --- |
";

const FAILURES: &str = "
## Failures

A job that fails has a `failure` with `code`, `detail` and `retryable`. A retryable failure is attempted again by the server
(three attempts by default, with a pause before each) before the job fails for good.

| code | retried | meaning |
| --- | --- | --- |
";

/// The text of `docs/api/errors.md`.
pub fn errors_page() -> String {
    let mut page = HEAD.to_owned();
    for kind in codes::ALL {
        let retry = kind.retry_after.map_or_else(|| "no".to_owned(), |seconds| format!("after {seconds} s"));
        let codes::Kind { code, status, title, suggestion, .. } = kind;
        page.push_str(&format!("| `{code}` | {status} | {title} | {retry} | {suggestion} |\n"));
    }
    page.push_str(FAILURES);
    for failure in FailureCode::ALL {
        let retried = if failure.is_retryable() { "yes" } else { "no" };
        page.push_str(&format!("| `{}` | {retried} | {} |\n", failure.as_str(), failure.detail()));
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
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page == errors_page(), "run: cargo run -p http-api --example errors_page > docs/api/errors.md");
    }
}
