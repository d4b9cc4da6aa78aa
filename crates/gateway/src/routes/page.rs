//! The queries of lists that are read page by page.

use actix_web::{HttpRequest, web};
use http_api::{Problem, codes};
use serde::de::DeserializeOwned;

/// The most items of a page.
const MAX_LIMIT: usize = 100;

/// Reads the query of a request.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    let query = web::Query::<T>::from_query(request.query_string());
    let wrong = |error| Problem::new(&codes::INVALID_PARAMETER, format!("The query cannot be read: {error}."));
    query.map(web::Query::into_inner).map_err(wrong)
}

/// The number of items of a page.
pub(super) fn limit(asked: Option<usize>, default: usize) -> Result<usize, Problem> {
    match asked.unwrap_or(default) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => {
            let detail = format!("`limit` must be a whole number from 1 to {MAX_LIMIT}.");
            Err(Problem::new(&codes::INVALID_PARAMETER, detail).with_parameter("limit"))
        }
    }
}
