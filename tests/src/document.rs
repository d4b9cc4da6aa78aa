//! The OpenAPI documents.

use crate::System;
use crate::client::json;
use serde_json::Value;
use std::collections::HashSet;

impl System {
    /// The documents of both services as one, as both are served at one address.
    ///
    /// # Panics
    /// When they differ in a common part, or two operations have one id.
    pub async fn document(&self) -> Value {
        let get = async |path: &str| json(self.client.get(path).send().await.unwrap()).await;
        let (mut whole, other) = (get("/openapi.json").await, get("/status/openapi.json").await);
        for (path, item) in other["paths"].as_object().unwrap() {
            let known =
                whole["paths"].as_object_mut().unwrap().entry(path).or_insert_with(|| Value::Object(<_>::default()));
            known.as_object_mut().unwrap().extend(item.as_object().unwrap().clone());
        }
        for (kind, parts) in other["components"].as_object().unwrap() {
            for (name, part) in parts.as_object().unwrap() {
                let known = &mut whole["components"][kind][name];
                assert!(known.is_null() || known == part, "{kind} {name}: the services disagree");
                *known = part.clone();
            }
        }
        let mut ids = HashSet::new();
        for (path, item) in whole["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/")) {
            for operation in item.as_object().unwrap().values() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}: {}", operation["operationId"]);
            }
        }
        serde_json::from_str(&whole.to_string().replace("\"status/openapi.json#", "\"#")).unwrap()
    }
}
