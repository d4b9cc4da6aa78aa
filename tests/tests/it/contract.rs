//! What the services do is what their OpenAPI documents say: schemathesis tries it, with test keys.

use access::{Issued, Mode, NewTenant, Overrides, Permission, Permissions, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use system_tests::{House, picture, repository};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The system, and beside it somebody whose pictures are fetched and who takes webhooks.
struct Contract {
    house: House,
    outside: SocketAddr,
}

impl Contract {
    async fn new() -> Self {
        let outside = outside().await;
        let ports = format!("--egress-ports=80,443,{}", outside.port());
        let house = House::start_with(0, &["--fetch-urls", "--egress-allow=127.0.0.1/32", &ports]).await;
        Self { house, outside }
    }

    /// Somebody whose limits are there, so that answers tell of them, but out of reach.
    async fn tenant(&self, class: Class, permissions: Permissions) -> Issued {
        let many = Some(1_000_000);
        let overrides = Overrides { requests_per_minute: many, queries_per_minute: many, ..Overrides::default() };
        let new = NewTenant { tier: Tier::Unlimited, overrides, permissions, ..NewTenant::new("tried", class) };
        self.house.add(new, Mode::Test).await
    }

    /// Tries all operations under `paths`, as somebody with this key.
    async fn holds(&self, paths: &str, issued: &Issued) {
        let (folder, scratch) = (repository().join("tests/schemathesis"), tempfile::tempdir().unwrap());
        let document = scratch.path().join("openapi.json");
        std::fs::write(&document, self.document().await).unwrap();
        let mut command = Command::new(repository().join(".venv/bin/schemathesis"));
        command
            .arg("--config-file")
            .arg(folder.join("schemathesis.toml"))
            .arg("run")
            .arg(&document)
            .args(["--url", self.house.client.base(), "--include-path-regex", paths])
            .args(["--request-timeout", "20", "--no-color", "--suppress-health-check", "all"])
            .current_dir(scratch.path())
            .env("SCHEMATHESIS_HOOKS", "hooks")
            .env("PYTHONPATH", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ORFEAS_API_KEY", issued.api_key.expose_secret())
            .env("ORFEAS_TENANT", issued.tenant.id.to_string())
            .env("ORFEAS_OUTSIDE", format!("http://{}", self.outside));
        if let Some(secret) = &issued.signing_secret {
            command.env("ORFEAS_SIGNING_SECRET", secret.expose_secret());
        }
        let report = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&report.stdout) + String::from_utf8_lossy(&report.stderr);
        assert!(report.status.success(), "{text}");
    }

    /// The documents of both services as one, as they are served at one address: what is made by one is told of by the
    /// other.
    async fn document(&self) -> String {
        let get = async |path: &str| {
            let answer = self.house.client.get(path).send().await.unwrap();
            serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap()
        };
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
        whole.to_string().replace("\"status/openapi.json#", "\"#")
    }
}

/// Answers everybody with a picture.
async fn outside() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let picture = picture("mug.png");
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", picture.len());
    let answer = [head.into_bytes(), picture].concat();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1 << 16]).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn users_get_what_the_documents_promise() {
    let contract = Contract::new().await;
    let user = contract.tenant(Class::User, Permissions::default()).await;
    contract.holds("^/api/v1/", &user).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_get_what_the_documents_promise() {
    let contract = Contract::new().await;
    let agent = contract.tenant(Class::Agent, Permissions::default()).await;
    contract.holds("^/api/agent/", &agent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_get_what_the_documents_promise() {
    let contract = Contract::new().await;
    let admin = contract.tenant(Class::User, Permissions::from_iter(Permission::ALL)).await;
    contract.holds("^/api/admin/", &admin).await;
}
