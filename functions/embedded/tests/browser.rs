//! What a browser does with presigned URLs.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::primitives::ByteStream;
use easel_test_support::embedded::{BUCKET, Running};
use reqwest::{Client, Method, RequestBuilder, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

fn minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).expect("a lifetime")
}

fn request(presigned: &PresignedRequest) -> RequestBuilder {
    let method = presigned.method().parse().expect("a method");
    Client::new().request(method, presigned.uri()).header("origin", "http://localhost:8080")
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_put_takes_exactly_the_type_and_length_it_was_signed_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, mut created) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let put = client.put_object().bucket(BUCKET).key("uploads/a b.png").content_type("image/png").content_length(5);
    let presigned = put.presigned(minute()).await.expect("signs");

    let wrong_type = request(&presigned).header("content-type", "text/html").body("image").send().await;
    assert_eq!(wrong_type.expect("answers").status(), 403);
    let wrong_length = request(&presigned).header("content-type", "image/png").body("long image").send().await;
    assert_eq!(wrong_length.expect("answers").status(), 403);
    assert!(created.try_recv().is_err(), "nothing was created");

    let right = request(&presigned).header("content-type", "image/png").body("image").send().await.expect("answers");
    assert_eq!(right.status(), 200, "{}", right.text().await.expect("text"));
    assert_eq!(header(&right, "access-control-allow-origin"), Some("http://localhost:8080"));
    let object = client.get_object().bucket(BUCKET).key("uploads/a b.png").send().await.expect("gets");
    assert_eq!(object.content_type(), Some("image/png"));
    assert_eq!(object.body.collect().await.expect("reads").to_vec(), b"image");
    assert_eq!(created.recv().await.expect("a notification").key, "uploads/a b.png");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presigned_get_reads_only_its_object_and_only_for_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let put = client.put_object().bucket(BUCKET).key("images/ü.png").content_type("image/png");
    put.body(ByteStream::from_static(b"image")).send().await.expect("puts");

    let get = client.get_object().bucket(BUCKET).key("images/ü.png").response_content_disposition("attachment");
    let presigned = get.presigned(minute()).await.expect("signs");
    let response = request(&presigned).send().await.expect("answers");
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), Some("image/png"));
    assert_eq!(header(&response, "content-length"), Some("5"));
    assert_eq!(header(&response, "content-disposition"), Some("attachment"));
    assert_eq!(header(&response, "access-control-allow-origin"), Some("http://localhost:8080"));
    assert_eq!(response.text().await.expect("text"), "image");

    let another = presigned.uri().replace("images", "secrets");
    assert_eq!(reqwest::get(another).await.expect("answers").status(), 403);
    let expired = PresigningConfig::builder()
        .start_time(std::time::SystemTime::now() - Duration::from_secs(120))
        .expires_in(Duration::from_secs(60))
        .build()
        .expect("a lifetime");
    let expired = client.get_object().bucket(BUCKET).key("images/ü.png").presigned(expired).await.expect("signs");
    assert_eq!(request(&expired).send().await.expect("answers").status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, mut created) = Running::s3(folder.path(), BUCKET).await;
    let client = s3.client();
    let put = client.put_object().bucket(BUCKET).key("uploads/a").content_length(1000);
    let presigned = put.presigned(minute()).await.expect("signs");
    let (host, path) = presigned.uri().strip_prefix("http://").and_then(|uri| uri.split_once('/')).expect("a URL");

    let files = || folder.path().join("objects").read_dir().expect("a folder").count();
    let mut connection = TcpStream::connect(host).await.expect("connects");
    let head = format!("PUT /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1000\r\n\r\nimag");
    connection.write_all(head.as_bytes()).await.expect("writes");
    until(|| files() == 1).await;
    drop(connection);
    until(|| files() == 0).await;

    let error = client.head_object().bucket(BUCKET).key("uploads/a").send().await.expect_err("never written");
    assert!(error.into_service_error().is_not_found());
    assert!(created.try_recv().is_err());
}

async fn until(reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_services_own_pages_may_use_the_urls() {
    let folder = tempfile::tempdir().expect("a folder");
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    let preflight = |origin: &'static str| {
        let request = Client::new().request(Method::OPTIONS, format!("{}/{BUCKET}/uploads/a", s3.endpoint()));
        let request = request.header("origin", origin).header("access-control-request-method", "PUT");
        request.header("access-control-request-headers", "content-type").send()
    };
    for origin in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
        let response = preflight(origin).await.expect("answers");
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "access-control-allow-origin"), Some(origin));
        assert_eq!(header(&response, "access-control-allow-methods"), Some("GET, HEAD, PUT"));
        assert_eq!(header(&response, "access-control-allow-headers"), Some("content-type"));
    }
    for origin in ["https://example.com", "http://localhost.example.com", "http://localhost:3000", "null"] {
        let response = preflight(origin).await.expect("answers");
        assert_eq!(response.status(), 403);
        assert_eq!(header(&response, "access-control-allow-origin"), None);
    }
}
