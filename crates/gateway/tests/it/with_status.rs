//! `--with-status`: a gateway that also serves the routes of the status service.

use crate::agents::add;
use crate::pictures::png;
use crate::world::{World, problem};
use access::{Mode, Overrides};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use reqwest::{Method, Response};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn one_address_accepts_images_and_serves_meshes() {
    let world = World::with(&["--with-status"]).await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let ask = async |method: Method, path: &str, body: Option<Value>| -> Response {
        let request = world.client.request(method, world.url(path)).bearer_auth(&key);
        body.iter().fold(request, |request, body| request.json(body)).send().await.unwrap()
    };

    let picture = json!({ "image": STANDARD.encode(png()) });
    let job: Value = ask(Method::PUT, "/api/v1/jobs/mug", Some(picture)).await.json().await.unwrap();
    let link = |name: &str| job["links"][name].as_str().unwrap();
    // The stream ends with the job.
    let events = ask(Method::GET, link("events"), None).await.text().await.unwrap();
    assert!(events.contains("\"status\":\"succeeded\""), "{events}");
    let view: Value = ask(Method::GET, "/api/v1/jobs/mug", None).await.json().await.unwrap();
    assert_eq!((&view["job_id"], &view["status"]), (&job["job_id"], &json!("succeeded")));
    let mesh = ask(Method::GET, link("result"), None).await.bytes().await.unwrap();
    assert!(mesh.starts_with(b"glTF"));

    // DELETE is a method of the gateway at a path of both services.
    let refused = problem(ask(Method::DELETE, "/api/v1/jobs/mug", None).await).await;
    assert_eq!(refused["code"], "job_finished");
    let refused = ask(Method::PATCH, "/api/v1/jobs/mug", None).await;
    let allowed = refused.headers()["allow"].to_str().unwrap().to_owned();
    assert!(["GET", "PUT", "DELETE"].iter().all(|method| allowed.contains(method)), "{allowed}");

    let document: Value = ask(Method::GET, "/openapi.json", None).await.json().await.unwrap();
    let verbs: Vec<_> = document["paths"]["/api/v1/jobs/{job_id}"].as_object().unwrap().keys().collect();
    assert_eq!(verbs, ["delete", "get", "put"]);
}
