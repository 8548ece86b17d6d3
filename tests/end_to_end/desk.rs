//! The review desk, as a browser comes to it.

use easel_test_support::program;
use easel_test_support::service::Service;
use reqwest::{Client, Response};
use serde_json::{Value, json};

async fn get(service: &Service, path: &str) -> Response {
    Client::new().get(format!("{}{path}", service.addresses.api)).send().await.expect("an answer")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn the_desk_stands_beside_the_api() {
    let service = Service::without_worker();
    let page = get(&service, "/").await;
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    let images = if service.is_local() { ";" } else { " http" };
    let policy = header(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(policy.contains(&format!("img-src 'self' blob: data:{images}")), "{policy}");
    let page = page.text().await.expect("text");
    let script = page.split_once("src=\"").and_then(|(_, rest)| rest.split('"').next()).expect("a script");
    let script = get(&service, &format!("/{script}")).await;
    assert_eq!(script.status(), 200);
    assert_eq!(header(&script, "cache-control"), "public, max-age=31536000, immutable");
    let old = get(&service, "/desk/0123456789abcdef/desk.js").await;
    assert_eq!((old.status().as_u16(), header(&old, "content-type")), (404, "application/problem+json"));
    let configuration: Value = get(&service, "/desk/configuration.json").await.json().await.expect("JSON");
    assert_eq!(configuration["version"], env!("CARGO_PKG_VERSION"));
    if service.is_local() {
        assert_eq!(configuration["sign_in"], json!({"kind": "link"}));
    }
}

#[tokio::test]
async fn a_head_has_the_headers_alone() {
    let service = Service::without_worker();
    if !service.is_local() {
        eprintln!("left out: a gateway answers these");
        return;
    }
    let address = format!("{}/", service.addresses.api);
    let head = Client::new().head(&address).send().await.expect("an answer");
    let page = get(&service, "/").await;
    assert_eq!((head.status(), header(&head, "etag")), (page.status(), header(&page, "etag")));
    assert_eq!(header(&head, "content-length"), page.text().await.expect("text").len().to_string());
    assert_eq!(head.text().await.expect("text"), "");
    let refused = Client::new().post(&address).send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), header(&refused, "allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn the_links_that_are_printed_let_somebody_in() {
    let Some(service) = Service::alone() else { return };
    let link = service.addresses.desk.clone().expect("a link");
    let data = service.data().expect("a folder");
    let data = data.to_str().expect("UTF-8");
    let told = ["token", "--data", data, "--role", "reviewer", "--link", &service.addresses.api];
    let outcome = program::run(&mut program::easel(&told));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let nobody = service.bearer(None);
    for link in [link.as_str(), outcome.stdout.trim()] {
        let (address, code) = link.split_once("/#code=").unwrap_or_else(|| panic!("{link}"));
        assert_eq!(address, service.addresses.api);
        let answer = nobody.post("/v1/sign-in", &json!({"code": code})).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        let token = answer.expect(200)["token"].as_str().expect("a token").to_owned();
        // Only reviewers and admins may.
        service.bearer(Some(&token)).get("/v1/metrics").await.expect(200);
        nobody.post("/v1/sign-in", &json!({"code": code})).await.expect_problem(401, "unauthenticated");
    }
    nobody.post("/v1/sign-in", &json!({"code": "0".repeat(64)})).await.expect_problem(401, "unauthenticated");
    for body in [json!({}), json!({"code": 1}), json!({"code": "0", "role": "admin"}), json!("0")] {
        nobody.post("/v1/sign-in", &body).await.expect_problem(400, "malformed-body");
    }
    nobody.get("/v1/sign-in").await.expect_problem(405, "wrong-method");
    // Without an address, it is that of the service.
    let told = ["token", "--data", data, "--role", "admin", "--link"];
    let outcome = program::run(&mut program::easel(&told));
    assert!(outcome.stdout.starts_with(&format!("{}/#code=", service.addresses.api)), "{outcome:?}");

    let record = std::fs::read_to_string(service.data().expect("a folder").join("audit.jsonl")).expect("a record");
    assert_eq!(record.matches("\"signed_in\"").count(), 2, "{record}");
    assert!(!record.contains("eyJ"), "{record}");
}
