//! A user of the API.

use reqwest::{RequestBuilder, Response, StatusCode, multipart};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Sends requests through nginx with an API key.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    /// A client of `http://127.0.0.1:port`.
    pub fn new(port: u16, key: &str) -> Self {
        Self { http: reqwest::Client::new(), base: format!("http://127.0.0.1:{port}"), key: key.to_owned() }
    }

    /// The address of nginx.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// `POST path`.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    /// Sends a picture with parameters, and returns the job's id.
    pub async fn submit(&self, picture: Vec<u8>, parameters: &[(&'static str, &str)]) -> String {
        let mut form = multipart::Form::new().part("image", multipart::Part::bytes(picture).file_name("picture.png"));
        for (name, value) in parameters {
            form = form.text(*name, (*value).to_owned());
        }
        let answer = self.post("/api/v1/generate-3d").multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{}", answer.text().await.unwrap());
        json(answer).await["job_id"].as_str().unwrap().to_owned()
    }

    /// The record of a job.
    pub async fn job(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/v1/jobs/{id}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        json(answer).await
    }

    /// Waits until a job is in one of these states, and returns its record.
    pub async fn wait_for(&self, id: &str, states: &[&str], timeout: Duration) -> Value {
        let start = Instant::now();
        loop {
            let job = self.job(id).await;
            if states.contains(&job["status"].as_str().unwrap_or_default()) {
                return job;
            }
            assert!(start.elapsed() < timeout, "not {states:?} within {timeout:?}: {job}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A body as JSON.
pub(crate) async fn json(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}
