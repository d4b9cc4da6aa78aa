//! What belongs to one tenant does not exist for another, on every route that takes an id.

use access::{Mode, NewTenant, Tier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use system_tests::{Asker, House, picture};
use test_support::wait_until;

async fn tenant(house: &House, name: &str, class: Class) -> Asker {
    let tenant = NewTenant { tier: Tier::Unlimited, ..NewTenant::new(name, class) };
    Asker::new(&house.add(tenant, Mode::Test).await)
}

async fn ask(asker: &Asker, method: &str, url: &str, body: Option<&Value>) -> (u16, Value) {
    let request = asker.request(method, url);
    let answer = asker.send(body.iter().fold(request, |request, body| request.json(body))).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// The operations of an API that name something by an id in the path: method, path, in the documents of both services.
async fn operations(house: &House, asker: &Asker, prefix: &str) -> BTreeSet<(String, String)> {
    let mut operations = BTreeSet::new();
    for document in ["/openapi.json", "/status/openapi.json"] {
        let url = format!("{}{document}", house.client.base());
        let (status, document) = ask(asker, "GET", &url, None).await;
        assert_eq!(status, 200);
        for (path, item) in document["paths"].as_object().unwrap() {
            let methods = item.as_object().unwrap().keys().filter(|_| path.starts_with(prefix) && path.contains('{'));
            operations.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
        }
    }
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_touches_what_is_somebody_elses() {
    let house = House::start(0).await;
    let image = STANDARD.encode(picture("mug.png"));
    for (class, prefix, other) in [(Class::User, "/api/v1/", "bob"), (Class::Agent, "/api/agent/", "marvin")] {
        let owner = tenant(&house, &format!("owner-{other}"), class).await;
        let stranger = tenant(&house, other, class).await;
        let url = |path: &str| format!("{}{prefix}{path}", house.client.base());
        let batch = json!({ "images": [&image, &image], "seed": 7 });
        let (status, batch) = ask(&owner, "POST", &url("batch"), Some(&batch)).await;
        assert_eq!(status, 202, "{batch}");
        let (status, named) = ask(&owner, "PUT", &url("jobs/mine"), Some(&json!({ "image": &image }))).await;
        assert_eq!(status, 202, "{named}");
        let ids = BTreeMap::from([
            ("job_id", vec![batch["job_ids"][0].as_str().unwrap(), named["job_id"].as_str().unwrap(), "mine"]),
            ("batch_id", vec![batch["batch_id"].as_str().unwrap()]),
            ("webhook_id", vec!["whk_00000000000000000000000000000000"]),
        ]);
        // The results are there, so that "not ready" is no excuse.
        let done = async || ask(&owner, "GET", &url("jobs/mine"), None).await.1["status"] == "succeeded";
        wait_until("the owner's job", Duration::from_secs(20), done).await;
        assert_eq!(ask(&owner, "GET", &url("jobs/mine/thumbnail"), None).await.0, 200);

        let operations = operations(&house, &owner, prefix).await;
        assert!(operations.len() >= 8, "{operations:?}");
        for (method, path) in &operations {
            let name = path.split(['{', '}']).nth(1).unwrap();
            for id in &ids[name] {
                let path = path.replacen(&format!("{{{name}}}"), id, 1);
                let path = path.replacen("{delivery_id}", "msg_00000000000000000000000000000000", 1);
                let asked = format!("{}{path}", house.client.base());
                if method == "PUT" {
                    continue; // a name is one's own to choose: see below
                }
                let (status, problem) = ask(&stranger, method, &asked, None).await;
                assert_eq!(status, 404, "{method} {asked}: {problem}");
                if method != "HEAD" {
                    assert!(problem["code"].as_str().unwrap().ends_with("_not_found"), "{method} {asked}: {problem}");
                }
            }
        }
        // Whoever chooses the name, or even the id, of somebody else's job gets a job of their own.
        for id in &ids["job_id"] {
            let body = json!({ "image": &image });
            let (status, own) = ask(&stranger, "PUT", &url(&format!("jobs/{id}")), Some(&body)).await;
            assert_eq!(status, 202, "{own}");
            assert!(!ids["job_id"].contains(&own["job_id"].as_str().unwrap()), "{own}");
        }
        let (_, listed) = ask(&stranger, "GET", &url("jobs"), None).await;
        assert_eq!(listed["jobs"].as_array().unwrap().len(), 3, "{listed}");
        let (_, after) = ask(&owner, "GET", &url("jobs/mine"), None).await;
        assert_eq!((&after["job_id"], &after["status"]), (&named["job_id"], &"succeeded".into()));
    }
}
