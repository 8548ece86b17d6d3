//! Somebody who uses the API.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::waiting::eventually;

/// Longer than a gateway lets anything take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A response of the API.
#[derive(Debug)]
pub struct ApiResponse {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if there is none.
    pub body: Value,
}

impl ApiResponse {
    /// The body of a response with this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        self.body
    }

    /// A header's text; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// Checks that the response is a problem document of this status and kind; its body.
    #[track_caller]
    pub fn expect_problem(self, status: u16, kind: &str) -> Value {
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
pub struct Person {
    http: Client,
    api: String,
    token: Option<String>,
    /// The token's subject; empty without a token that can be read.
    pub name: String,
}

impl Person {
    /// Somebody with this token, or none, who calls the API at `api`.
    #[must_use]
    pub fn new(api: &str, token: Option<&str>) -> Self {
        let claims = token.and_then(|token| jsonwebtoken::dangerous::insecure_decode_claims::<Value>(token).ok());
        let name = claims.and_then(|claims| claims["sub"].as_str().map(str::to_owned)).unwrap_or_default();
        let http = Client::builder().no_proxy().timeout(TIMEOUT).build().expect("a client");
        Self { http, api: api.trim_end_matches('/').to_owned(), token: token.map(str::to_owned), name }
    }

    /// A request that is not sent yet.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.api));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Reads.
    pub async fn get(&self, path: &str) -> ApiResponse {
        send(self.request("GET", path)).await
    }

    /// Gets what is there unless it is what the entity tag `known` names.
    pub async fn get_unless(&self, path: &str, known: &str) -> ApiResponse {
        send(self.request("GET", path).header("if-none-match", known)).await
    }

    /// Sends JSON.
    pub async fn post(&self, path: &str, body: &Value) -> ApiResponse {
        send(self.request("POST", path).json(body)).await
    }

    /// Deletes a task.
    pub async fn delete(&self, id: &str) -> ApiResponse {
        send(self.request("DELETE", &format!("/v1/tasks/{id}"))).await
    }

    /// Makes a move on a task.
    pub async fn make(&self, action: &str, id: &str, body: Value) -> ApiResponse {
        self.post(&format!("/v1/tasks/{id}/{action}"), &body).await
    }

    /// Asks for images; the task's id.
    pub async fn create(&self, request: Value) -> String {
        id(&self.post("/v1/tasks", &request).await.expect(201))
    }

    /// The task as it stands.
    pub async fn task(&self, id: &str) -> Value {
        self.get(&format!("/v1/tasks/{id}")).await.expect(200)
    }

    /// Waits until the task stands at `status`; panics at once if it failed instead.
    pub async fn wait(&self, id: &str, status: &str) -> Value {
        eventually(&format!("task {id} to be {status}"), || async {
            let task = self.task(id).await;
            assert!(task["status"] == status || task["status"] != "failed", "{task:#}");
            Some(task).filter(|task| task["status"] == status)
        })
        .await
    }

    /// Waits until a worker has done some steps of the task.
    pub async fn wait_for_step(&self, id: &str, step: u64) -> Value {
        eventually(&format!("step {step} of task {id}"), || async {
            let task = self.task(id).await;
            assert!(["pending", "in_progress"].contains(&status(&task)), "{task:#}");
            Some(task).filter(|task| task["progress"]["step"].as_u64().is_some_and(|done| done >= step))
        })
        .await
    }

    /// Asks for images and waits for them.
    pub async fn draw(&self, request: Value) -> Value {
        let id = self.create(request).await;
        self.wait(&id, "awaiting_approval").await
    }

    /// Everything that happened to the task.
    pub async fn history(&self, id: &str) -> Vec<Value> {
        let (mut events, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/tasks/{id}/history?limit=1000{cursor}")).await.expect(200);
            events.extend(page["events"].as_array().expect("events").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return events,
            }
        }
    }

    /// The ids of every task that `filter` leaves, in the list's order, page by page.
    pub async fn list(&self, filter: &str, limit: usize) -> Vec<String> {
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
    pub async fn download(&self, url: &Value) -> Vec<u8> {
        let response = self.http.get(url.as_str().expect("a URL")).send().await.expect("a response");
        assert_eq!(response.status(), 200, "{url}");
        response.bytes().await.expect("all of it").to_vec()
    }

    /// Sends bytes to a presigned URL, with the headers that belong to it but for another type; the response's status.
    pub async fn upload(&self, upload: &Value, content_type: &str, bytes: &[u8]) -> u16 {
        let url = upload["url"].as_str().expect("a URL");
        let mut put = self.http.put(url).header("content-type", content_type);
        for (name, value) in upload["headers"].as_object().expect("headers") {
            if !["content-type", "content-length"].contains(&name.as_str()) {
                put = put.header(name, value.as_str().expect("a text"));
            }
        }
        put.body(bytes.to_vec()).send().await.expect("a response").status().as_u16()
    }
}

/// Sends a request; the body of the response is JSON, or there is none.
pub async fn send(request: RequestBuilder) -> ApiResponse {
    let response = request.send().await.expect("a response");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("all of it");
    let body = if bytes.is_empty() { json!(null) } else { serde_json::from_slice(&bytes).expect("JSON") };
    ApiResponse { status, headers, body }
}

/// A task's id.
#[must_use]
pub fn id(task: &Value) -> String {
    task["id"].as_str().expect("an id").to_owned()
}

/// Where a task stands.
#[must_use]
pub fn status(task: &Value) -> &str {
    task["status"].as_str().expect("a status")
}

/// What was done to a task, in order.
#[must_use]
pub fn changes(history: &[Value]) -> Vec<&str> {
    history.iter().map(|event| event["change"].as_str().expect("a change")).collect()
}

/// The hashes of an attempt's images.
#[must_use]
pub fn hashes(attempt: &Value) -> Vec<String> {
    let images = attempt["images"].as_array().expect("images");
    images.iter().map(|image| image["sha256"].as_str().expect("a hash").to_owned()).collect()
}
