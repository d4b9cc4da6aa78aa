//! What the services do is what their OpenAPI documents say: schemathesis tries it, with test keys.

use access::{Mode, NewTenant, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use std::process::Command;
use system_tests::{House, repository};

/// Checks a document's operations under `paths`, as somebody with this key.
fn check(document: &str, paths: &str, key: &str, secret: Option<&str>) {
    let (folder, scratch) = (repository().join("tests/schemathesis"), tempfile::tempdir().unwrap());
    let mut command = Command::new(repository().join(".venv/bin/schemathesis"));
    command
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", document, "--checks", "all", "--include-path-regex", paths])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "7"])
        .args(["--request-timeout", "20", "--no-color", "--suppress-health-check", "all"])
        .current_dir(scratch.path())
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ORFEAS_API_KEY", key);
    if let Some(secret) = secret {
        command.env("ORFEAS_SIGNING_SECRET", secret);
    }
    let report = command.output().unwrap();
    let text = String::from_utf8_lossy(&report.stdout) + String::from_utf8_lossy(&report.stderr);
    assert!(report.status.success(), "{text}");
}

async fn tenant(house: &House, class: Class) -> (String, Option<String>) {
    let tenant = NewTenant { tier: Tier::Unlimited, ..NewTenant::new(&format!("{class:?}"), class) };
    let issued = house.add(tenant, Mode::Test).await;
    let secret = issued.signing_secret.map(|secret| secret.expose_secret().to_owned());
    (issued.api_key.expose_secret().to_owned(), secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn users_get_what_the_documents_promise() {
    let house = House::start(0).await;
    let (key, _) = tenant(&house, Class::User).await;
    for service in [&house.gateway_url, &house.status_url] {
        check(&format!("{service}/openapi.json"), "^/api/v1/", &key, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_get_what_the_documents_promise() {
    let house = House::start(0).await;
    let (key, secret) = tenant(&house, Class::Agent).await;
    for service in [&house.gateway_url, &house.status_url] {
        check(&format!("{service}/openapi.json"), "^/api/agent/", &key, secret.as_deref());
    }
}
