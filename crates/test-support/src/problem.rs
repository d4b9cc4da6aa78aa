//! Error responses.

use reqwest::Response;
use serde_json::Value;

/// The body of a problem document (RFC 9457), after checking its form.
///
/// # Panics
/// If the response is not a well-formed problem.
pub async fn problem(response: Response) -> Value {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    assert_eq!(headers["content-type"], "application/problem+json", "{status}");
    let body: Value = response.json().await.expect("a body of JSON");
    let text = |field: &str| body[field].as_str().unwrap_or_default();
    assert_eq!(body["status"], status);
    assert_eq!(text("type"), format!("urn:orfeas:problem:{}", text("code")));
    assert_eq!(text("request_id"), headers["x-request-id"]);
    for field in ["code", "title", "detail", "suggestion"] {
        assert!(!text(field).is_empty(), "{field}: {body}");
    }
    assert_eq!(body["retryable"].as_bool(), Some(headers.contains_key("retry-after")), "{body}");
    body
}
