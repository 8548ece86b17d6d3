//! What is refused before any service is asked.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use easel_api::{Identification, Services, TokenKey};
use easel_domain::identity::{Identity, Role};
use easel_storage::gallery::Gallery;
use easel_storage::store::Store;
use easel_storage::workflow::Workflow;
use jiff::SignedDuration;
use serde_json::Value;
use tower::ServiceExt;

/// Services that nothing stands behind.
fn services() -> Services {
    let configuration = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(Credentials::new(
            "a", "b", None, None, "test",
        )))
        .build();
    let store = Store::new(aws_sdk_dynamodb::Client::new(&configuration), "none");
    let gallery = Gallery::new(easel_storage::object_client(&configuration), "none");
    let key = TokenKey::new(b"a secret".to_vec());
    Services::new(Workflow { store, gallery }, Identification::Tokens(key))
}

async fn answer(method: &str, path: &str, role: Option<Role>, body: impl Into<Body>) -> Response<Body> {
    let services = services();
    let mut request = Request::builder().method(method).uri(path);
    if let (Some(role), Identification::Tokens(key)) = (role, &services.identification) {
        let identity = Identity::new("ada", role);
        let token = key.sign(&identity, SignedDuration::from_hours(1)).expect("a token");
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(body.into()).expect("a request");
    easel_api::router(services).oneshot(request).await.expect("an answer")
}

async fn problem(response: Response<Body>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    serde_json::from_slice(&body).expect("JSON")
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_answered_with_those_that_it_takes() {
    let response = answer("PUT", "/v1/tasks", Some(Role::Creator), "").await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    let allow = response.headers()["allow"].to_str().expect("ASCII").to_owned();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
    let problem = problem(response).await;
    assert_eq!(problem["type"], "urn:easel:problem:wrong-method");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("GET") && detail.contains("POST") && detail.ends_with("not PUT"), "{detail}");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    for path in ["/v1", "/v1/nothing", "/v1/tasks/", "/v1/tasks/a/b/c", "//v1/tasks", "/", "/v1/tasks/a/history/"] {
        let response = answer("GET", path, Some(Role::Creator), "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(problem(response).await["type"], "urn:easel:problem:not-found", "{path}");
    }
    for path in ["/v1/tasks/heart", "/v1/tasks/%2e%2e", "/v1/tasks/%ff", "/v1/tasks/%00/history"] {
        let response = answer("GET", path, Some(Role::Creator), "").await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(problem(response).await["title"], "Not found", "{path}");
    }
}

#[tokio::test]
async fn callers_are_checked_before_what_they_send() {
    let response = answer("POST", "/v1/tasks?a=b", None, "{").await;
    assert_eq!(
        (response.status(), &response.headers()["www-authenticate"]),
        (StatusCode::UNAUTHORIZED, &"Bearer".parse().expect("a header"))
    );
    assert_eq!(problem(response).await["title"], "Authentication required");
    let response = answer("POST", "/v1/tasks/heart/approve?a=b", Some(Role::Creator), "{").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let problem = problem(response).await;
    assert_eq!(problem["title"], "Your role does not allow this");
    assert_eq!(problem["detail"], "this needs the role reviewer, your role is creator");
}

#[tokio::test]
async fn bodies_are_limited_and_checked_as_a_whole() {
    let response = answer("POST", "/v1/tasks", Some(Role::Creator), "x".repeat(64 * 1024 + 1)).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(problem(response).await["type"], "urn:easel:problem:too-long");

    let upload = r#"{"content_type": "image/gif", "content_length": 0, "name": "a.gif"}"#;
    let response = answer("POST", "/v1/uploads", Some(Role::Creator), upload).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem = problem(response).await;
    let errors = problem["errors"].as_array().expect("errors").iter();
    let fields: Vec<_> = errors.map(|error| error["field"].as_str().expect("a name")).collect();
    assert_eq!(fields, ["content_type", "content_length", "name"]);
}

#[tokio::test]
async fn the_description_is_open_to_everybody() {
    let response = answer("GET", "/openapi.json", None, "").await;
    assert_eq!(
        (response.status(), &response.headers()["content-type"]),
        (StatusCode::OK, &"application/json".parse().expect("a header"))
    );
    assert_eq!(answer("GET", "/openapi.json?format=yaml", None, "").await.status(), StatusCode::BAD_REQUEST);
}
