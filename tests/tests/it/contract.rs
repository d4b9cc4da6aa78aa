//! The services behave as their OpenAPI documents say: schemathesis tries it, with test keys.

use access::{Issued, Mode, NewTenant, Overrides, Permission, Permissions, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use serde_json::json;
use std::process::Command;
use system_tests::{ExternalServer, System, repository};

/// The system, and an external server that the gateway may call.
struct Contract {
    system: System,
    external: ExternalServer,
}

impl Contract {
    async fn new() -> Self {
        let external = ExternalServer::start().await;
        Self { system: System::start_with_external(&external).await, external }
    }

    /// A tenant with limits, so that answers have the headers for them, which are never reached.
    async fn tenant(&self, name: &str, class: Class, permissions: Permissions) -> Issued {
        let many = Some(1_000_000);
        let overrides = Overrides { requests_per_minute: many, queries_per_minute: many, ..Overrides::default() };
        let new = NewTenant { tier: Tier::Unlimited, overrides, permissions, ..NewTenant::new(name, class) };
        self.system.add(new, Mode::Test).await
    }

    /// Tries all operations under `paths` with this key and, if there are other keys, whether these see its resources.
    async fn holds(&self, paths: &str, issued: &Issued, others: &[Issued]) {
        let (folder, scratch) = (repository().join("tests/schemathesis"), tempfile::tempdir().unwrap());
        let mut config = std::fs::read_to_string(folder.join("schemathesis.toml")).unwrap();
        if !others.is_empty() {
            let all: Vec<_> = [issued].into_iter().chain(others).collect();
            let header = |one: &Issued| json!({ "name": "Authorization", "value": format!("Bearer {}", one.api_key.expose_secret()) });
            let users = all.iter().map(|one| json!({ "name": one.tenant.name, "fixedHeaders": [header(one)] }));
            let path = scratch.path().join("users.json");
            std::fs::write(&path, json!({ "auth": users.collect::<Vec<_>>() }).to_string()).unwrap();
            let names: Vec<_> = all.iter().map(|one| &one.tenant.name).collect();
            config += &format!("\n[auth.wfc]\npath = {path:?}\nuser = {:?}\npeers = {names:?}\n", names[0]);
        }
        let config_file = scratch.path().join("schemathesis.toml");
        std::fs::write(&config_file, config).unwrap();
        let document = scratch.path().join("openapi.json");
        std::fs::write(&document, self.system.document().await.to_string()).unwrap();
        let mut command = Command::new(repository().join(".venv/bin/schemathesis"));
        command
            .arg("--config-file")
            .arg(config_file)
            .arg("run")
            .arg(&document)
            .args(["--url", self.system.client.base(), "--include-path-regex", paths])
            .args(["--request-timeout", "20", "--no-color", "--suppress-health-check", "all"])
            .current_dir(scratch.path())
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("PYTHONPATH", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ORFEAS_TENANT", issued.tenant.id.to_string())
            .env("ORFEAS_OUTSIDE", self.external.url());
        if others.is_empty() {
            command.env("ORFEAS_API_KEY", issued.api_key.expose_secret());
        }
        if let Some(secret) = &issued.signing_secret {
            command.env("ORFEAS_SIGNING_SECRET", secret.expose_secret());
        }
        let report = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&report.stdout) + String::from_utf8_lossy(&report.stderr);
        assert!(report.status.success(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_get_what_the_documents_promise() {
    let contract = Contract::new().await;
    let user = contract.tenant("tried", Class::User, Permissions::default()).await;
    let other = contract.tenant("other", Class::User, Permissions::default()).await;
    contract.holds("^/api/v1/", &user, &[other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_get_what_the_documents_promise() {
    let contract = Contract::new().await;
    let agent = contract.tenant("tried", Class::Agent, Permissions::default()).await;
    contract.holds("^/api/agent/", &agent, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_get_what_the_documents_promise() {
    let contract = Contract::new().await;
    let admin = contract.tenant("tried", Class::User, Permissions::from_iter(Permission::ALL)).await;
    contract.holds("^/api/admin/", &admin, &[]).await;
}
