//! Somebody who uses the API.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::patience::eventually;

/// Longer than a gateway lets anything take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        self.body
    }

    /// A header's text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The answer is a problem document of this status and kind.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:#?}");
        assert_eq!(self.body["type"], format!("urn:easel:problem:{kind}"), "{self:#?}");
        assert_eq!(self.body["status"], status, "{self:#?}");
        for part in ["title", "detail"] {
            assert!(self.body[part].as_str().is_some_and(|text| !text.is_empty()), "{self:#?}");
        }
        self.body
    }
}

/// A caller of the API, with a token or without.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    http: Client,
    api: String,
    token: Option<String>,
    /// The token's subject; empty without a token that can be read.
    pub(crate) name: String,
}

impl Person {
    pub(crate) fn new(api: &str, token: Option<&str>) -> Self {
        let claims = token.and_then(|token| jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).ok());
        let name = claims.and_then(|claims| claims["sub"].as_str().map(str::to_owned)).unwrap_or_default();
        let http = Client::builder().no_proxy().timeout(TIMEOUT).build().expect("a client");
        Self { http, api: api.trim_end_matches('/').to_owned(), token: token.map(str::to_owned), name }
    }

    /// A call that is not sent yet.
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.api));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request("POST", path).json(body)).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Answer {
        send(self.request("DELETE", &format!("/v1/tasks/{id}"))).await
    }

    /// Makes a move on a task.
    pub(crate) async fn make(&self, step: &str, id: &str, body: Value) -> Answer {
        self.post(&format!("/v1/tasks/{id}/{step}"), &body).await
    }

    /// Asks for pictures; the task's id.
    pub(crate) async fn create(&self, order: Value) -> String {
        id(&self.post("/v1/tasks", &order).await.expect(201))
    }

    /// The task as it stands.
    pub(crate) async fn task(&self, id: &str) -> Value {
        self.get(&format!("/v1/tasks/{id}")).await.expect(200)
    }

    /// Waits until the task stands at `status`; that it failed instead is told at once.
    pub(crate) async fn wait(&self, id: &str, status: &str) -> Value {
        eventually(&format!("task {id} to be {status}"), || async {
            let task = self.task(id).await;
            assert!(task["status"] == status || task["status"] != "failed", "{task:#}");
            Some(task).filter(|task| task["status"] == status)
        })
        .await
    }

    /// Waits until a worker has done some steps of the task.
    pub(crate) async fn wait_for_step(&self, id: &str, step: u64) -> Value {
        eventually(&format!("step {step} of task {id}"), || async {
            let task = self.task(id).await;
            assert!(["pending", "in_progress"].contains(&status(&task)), "{task:#}");
            Some(task).filter(|task| task["progress"]["step"].as_u64().is_some_and(|done| done >= step))
        })
        .await
    }

    /// Asks for pictures and waits for them.
    pub(crate) async fn draw(&self, order: Value) -> Value {
        let id = self.create(order).await;
        self.wait(&id, "awaiting_approval").await
    }

    /// Everything that happened to the task.
    pub(crate) async fn history(&self, id: &str) -> Vec<Value> {
        let history = self.get(&format!("/v1/tasks/{id}/history")).await.expect(200);
        history["events"].as_array().expect("events").clone()
    }

    /// The ids of every task that `filter` leaves, in the list's order, page by page.
    pub(crate) async fn list(&self, filter: &str, limit: usize) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/tasks?{filter}&limit={limit}{cursor}")).await.expect(200);
            let tasks = page["tasks"].as_array().expect("tasks");
            assert!(tasks.len() <= limit, "{page:#}");
            ids.extend(tasks.iter().map(id));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    }

    /// What a presigned URL gives.
    pub(crate) async fn download(&self, url: &Value) -> Vec<u8> {
        let answer = self.http.get(url.as_str().expect("a URL")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{url}");
        answer.bytes().await.expect("all of it").to_vec()
    }

    /// Sends bytes to a presigned URL; the answer's status.
    pub(crate) async fn upload(&self, upload: &Value, content_type: &str, bytes: &[u8]) -> u16 {
        let url = upload["url"].as_str().expect("a URL");
        let put = self.http.put(url).header("content-type", content_type).body(bytes.to_vec());
        put.send().await.expect("an answer").status().as_u16()
    }
}

/// Sends a call; the body of the answer is JSON, or there is none.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let bytes = answer.bytes().await.expect("all of it");
    let body = if bytes.is_empty() { json!(null) } else { serde_json::from_slice(&bytes).expect("JSON") };
    Answer { status, headers, body }
}

/// A task's id.
pub(crate) fn id(task: &Value) -> String {
    task["id"].as_str().expect("an id").to_owned()
}

/// Where a task stands.
pub(crate) fn status(task: &Value) -> &str {
    task["status"].as_str().expect("a status")
}

/// What was done to a task, in order.
pub(crate) fn changes(history: &[Value]) -> Vec<&str> {
    history.iter().map(|event| event["change"].as_str().expect("a change")).collect()
}

/// The hashes of an attempt's pictures.
pub(crate) fn hashes(attempt: &Value) -> Vec<String> {
    let pictures = attempt["pictures"].as_array().expect("pictures");
    pictures.iter().map(|picture| picture["sha256"].as_str().expect("a hash").to_owned()).collect()
}
