//! What belongs to one tenant does not exist for another, on every route that takes an id.

use access::{Issued, Mode, NewTenant, Tier};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use system_tests::{Caller, ExternalServer, System, picture};
use test_support::wait_until;

/// The APIs: whose they are, and where.
const APIS: [(Class, &str); 2] = [(Class::User, "/api/v1/"), (Class::Agent, "/api/agent/")];

async fn tenant(system: &System, name: &str, class: Class) -> (Caller, Issued) {
    let tenant = NewTenant { tier: Tier::Unlimited, ..NewTenant::new(name, class) };
    let issued = system.add(tenant, Mode::Test).await;
    (Caller::new(&issued), issued)
}

async fn ask(caller: &Caller, method: &str, url: &str, body: Option<&Value>) -> (u16, Value) {
    let request = caller.request(method, url);
    let answer = caller.send(body.iter().fold(request, |request, body| request.json(body))).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// The operations under `prefix` that name something by an id: method, path and the ids' names, as the documents of both
/// services tell of them.
async fn operations(system: &System, prefix: &str) -> BTreeSet<(String, String, Vec<String>)> {
    let document = system.document().await;
    let paths = document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with(prefix));
    let named = paths.flat_map(|(path, item)| {
        let ids: Vec<String> =
            path.split('/').filter_map(|part| Some(part.strip_prefix('{')?.strip_suffix('}')?.to_owned())).collect();
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone(), ids.clone()))
    });
    named.filter(|(_, _, ids)| !ids.is_empty()).collect()
}

/// What an owner has: the values of each id.
type Ids = BTreeMap<&'static str, Vec<String>>;

/// All ways to fill the ids of a path in.
fn filled(path: &str, names: &[String], ids: &Ids) -> Vec<String> {
    names.iter().fold(vec![path.to_owned()], |paths, name| {
        let values = ids.get(name.as_str()).unwrap_or_else(|| panic!("{path}: there is no {name} here"));
        let fill = |path: String| values.iter().map(move |value| path.replace(&format!("{{{name}}}"), value));
        paths.into_iter().flat_map(fill).collect()
    })
}

/// A tenant with one resource of each kind and with all results ready, so that "not ready" cannot hide another answer.
struct Owner<'a> {
    caller: Caller,
    base: String,
    ids: Ids,
    image: &'a str,
}

impl<'a> Owner<'a> {
    async fn new(system: &System, external: &ExternalServer, class: Class, prefix: &str, image: &'a str) -> Self {
        let (caller, _) = tenant(system, &format!("owner-{class:?}"), class).await;
        let owner = Self { caller, base: format!("{}{prefix}", system.client.base()), ids: Ids::new(), image };
        let webhook = owner.makes("POST", "webhooks", &json!({ "url": external.url() })).await;
        let batch = owner
            .makes("POST", "batch", &json!({ "images": [image, { "image": image, "steps": 3 }], "seed": 7 }))
            .await;
        let named = owner.makes("PUT", "jobs/mine", &json!({ "image": image, "seed": 7, "steps": 9 })).await;
        let text = |value: &Value| vec![value.as_str().unwrap().to_owned()];
        let (webhook, batch, member) = (text(&webhook["id"]), text(&batch["batch_id"]), text(&batch["job_ids"][0]));
        let deliveries = format!("webhooks/{}/deliveries", webhook[0]);
        let all_told = async || {
            let told = owner.sees(&deliveries).await;
            told["deliveries"].as_array().unwrap().iter().filter(|one| one["state"] == "delivered").count() == 3
        };
        wait_until("the end of the owner's three jobs, and news of it", Duration::from_secs(30), all_told).await;
        let delivery = text(&owner.sees(&deliveries).await["deliveries"][0]["id"]);
        let jobs = [member, text(&named["job_id"]), vec!["mine".to_owned()]].concat();
        let roles = vec!["mesh".to_owned(), "thumbnail".to_owned()];
        let ids = [
            ("job_id", jobs),
            ("batch_id", batch),
            ("webhook_id", webhook),
            ("delivery_id", delivery),
            ("role", roles),
        ];
        Self { ids: ids.into(), ..owner }
    }

    async fn makes(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, made) = ask(&self.caller, method, &format!("{}{path}", self.base), Some(body)).await;
        assert!(matches!(status, 201 | 202), "{method} {path}: {made}");
        made
    }

    async fn sees(&self, path: &str) -> Value {
        let (status, seen) = ask(&self.caller, "GET", &format!("{}{path}", self.base), None).await;
        assert_eq!(status, 200, "{path}: {seen}");
        seen
    }

    /// All that they have, as they see it.
    async fn everything(&self) -> Vec<Value> {
        let deliveries = format!("webhooks/{}/deliveries", self.ids["webhook_id"][0]);
        let batch = format!("batch/{}", self.ids["batch_id"][0]);
        let mut everything = Vec::new();
        for path in ["jobs", &batch, "webhooks", &deliveries] {
            everything.push(self.sees(path).await);
        }
        everything
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_of_other_tenants_are_neither_seen_nor_changed() {
    let external = ExternalServer::start().await;
    let system = System::start_with_external(&external).await;
    let image = STANDARD.encode(picture("mug.png"));
    for (class, prefix) in APIS {
        let owner = Owner::new(&system, &external, class, prefix, &image).await;
        let before = owner.everything().await;
        let (other, _) = tenant(&system, &format!("other-{class:?}"), class).await;
        let operations = operations(&system, prefix).await;
        assert!(operations.len() >= 14, "{operations:?}");
        for (method, path, names) in &operations {
            if method == "PUT" {
                continue; // a name is one's own to choose: see below
            }
            for path in filled(path, names, &owner.ids) {
                let (status, problem) = ask(&other, method, &format!("{}{path}", system.client.base()), None).await;
                assert_eq!(status, 404, "{method} {path}: {problem}");
                if method != "HEAD" {
                    let code = problem["code"].as_str().unwrap();
                    assert!(code.ends_with("_not_found") && code != "route_not_found", "{method} {path}: {problem}");
                }
            }
        }
        names_belong_to_one_tenant(&owner, &other).await;
        assert_eq!(owner.everything().await, before);
    }
}

/// A tenant that uses the name, or even the id, of another tenant's job for its own gets a new job, and the answer does
/// not reveal that the same picture was sent before.
async fn names_belong_to_one_tenant(owner: &Owner<'_>, other: &Caller) {
    let (base, taken) = (&owner.base, &owner.ids["job_id"]);
    let body = json!({ "image": owner.image, "seed": 7, "steps": 9 });
    let fields = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let url = |name: &str| format!("{base}jobs/{name}");
    // The answer under a name that is not in use.
    let (_, fresh) = ask(other, "PUT", &url("unused"), Some(&body)).await;
    for (seed, name) in taken.iter().enumerate() {
        // With another seed each time, or the tenant's own earlier mesh would be found.
        let first = json!({ "image": owner.image, "seed": 100 + seed });
        let (status, own) = ask(other, "PUT", &url(name), Some(&first)).await;
        assert_eq!((status, &own["status"], fields(&own)), (202, &"queued".into(), fields(&fresh)), "{own}");
        assert!(!taken.contains(&own["job_id"].as_str().unwrap().to_owned()), "{own}");
        let (_, seen) = ask(other, "GET", &url(name), None).await;
        assert_eq!((&seen["job_id"], &seen["parameters"]["seed"]), (&own["job_id"], &own["seed"]), "{seen}");
    }
    assert_eq!((&fresh["status"], &fresh["cached"]), (&"queued".into(), &Value::Null), "{fresh}");
    let (_, listed) = ask(other, "GET", &format!("{base}jobs"), None).await;
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1 + taken.len(), "{listed}");
}

/// A tenant that may not manage tenants gets the same refusal whether or not the resource exists.
#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_learn_which_tenants_exist() {
    let system = System::start(0).await;
    let (_, owner) = tenant(&system, "owner", Class::User).await;
    let there = Ids::from([
        ("agent", vec![owner.tenant.id.to_string(), "owner".into()]),
        ("key_id", vec![owner.key_id.to_string()]),
        ("letter_id", vec!["1-1".into()]),
    ]);
    let not_there = Ids::from([
        ("agent", vec!["usr_00000000000000000000".into(), "unknown".into()]),
        ("key_id", vec!["key_00000000000000000000".into()]),
        ("letter_id", vec!["2-1".into()]),
    ]);
    let operations = operations(&system, "/api/admin/").await;
    assert!(operations.len() >= 4, "{operations:?}");
    for (class, _) in APIS {
        let (other, _) = tenant(&system, &format!("other-{class:?}"), class).await;
        for (method, path, names) in &operations {
            let has_body = matches!(method.as_str(), "POST" | "PATCH" | "PUT") && !path.ends_with("/redrive");
            let body = has_body.then(|| json!({ "name": "mine" }));
            let mut answers = BTreeSet::new();
            for path in [filled(path, names, &there), filled(path, names, &not_there)].concat() {
                let url = format!("{}{path}", system.client.base());
                let (status, mut problem) = ask(&other, method, &url, body.as_ref()).await;
                assert_eq!(
                    (status, &problem["code"]),
                    (403, &"permission_denied".into()),
                    "{method} {path}: {problem}"
                );
                // Only the request's own ids tell the answers apart.
                for field in ["request_id", "trace_id"] {
                    problem[field].take();
                }
                answers.insert(problem.to_string());
            }
            assert_eq!(answers.len(), 1, "{method} {path}: {answers:?}");
        }
    }
}
