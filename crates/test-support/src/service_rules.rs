//! Checks that apply to every service.

use clap::Command;
use reqwest::{Client, Method};
use serde_json::Value;
use std::collections::HashSet;

/// Checks that every option has a help text and an environment variable.
///
/// # Panics
/// If one has not.
pub fn options_are_explained(mut command: Command) {
    let mut names = HashSet::new();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        assert!(argument.get_help().is_some(), "{id}");
        assert!(argument.get_env().is_some_and(|name| names.insert(name.to_owned())), "{id}");
    }
    command.build();
}

/// Checks that the service at `base` answers each method that its OpenAPI document describes for a path, and no other.
///
/// # Panics
/// When it does not.
pub async fn routes_are_as_described(base: &str) {
    let client = Client::new();
    let document = client.get(format!("{base}/openapi.json")).send().await.expect("the document is served");
    let document: Value = document.json().await.expect("the document is JSON");
    for (path, item) in document["paths"].as_object().expect("it has paths") {
        let parts: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "42" } else { part }).collect();
        let url = format!("{base}{}", parts.join("/"));
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            // HEAD is answered wherever GET is, and is not described on its own.
            let name = if method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
            let is_described = !item[name].is_null();
            let status = client.request(method.clone(), &url).send().await.expect("an answer").status();
            assert!(status != 404 && (status != 405) == is_described, "{method} {path}: {status}");
        }
    }
}
