//! Each listener answers only requests that are meant for it and signed.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use easel_embedded::door::Door;
use easel_embedded::http;
use easel_test_support::clients::Access;
use easel_test_support::embedded::{ACCESS_KEY_ID, BUCKET, REGION, Running, SECRET_ACCESS_KEY, names};
use hyper::Response;
use reqwest::{Client, Method, RequestBuilder};
use s3s::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What any page could send, as the signature is nobody's.
fn scan(endpoint: &str) -> RequestBuilder {
    let request = Client::new().post(endpoint).header("x-amz-target", "DynamoDB_20120810.ListTables");
    request.header("content-type", "application/x-amz-json-1.0").body("{}")
}

fn forged(request: RequestBuilder) -> RequestBuilder {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let credential = format!("{ACCESS_KEY_ID}/{}/{REGION}/dynamodb/aws4_request", &now[..8]);
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    );
    request.header("x-amz-date", now).header("authorization", signature)
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_answers_who_has_the_secret_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let endpoint = dynamodb.endpoint();
    dynamodb.client().list_tables().send().await.expect("signed with the secret");
    for (access, code) in [
        (Access::new(REGION, ACCESS_KEY_ID, "another secret"), "InvalidSignatureException"),
        (Access::new(REGION, "another", SECRET_ACCESS_KEY), "UnrecognizedClientException"),
    ] {
        let error = access.without_retries().dynamodb(&endpoint).list_tables().send().await.expect_err("refused");
        assert_eq!(error.code(), Some(code), "{error:?}");
    }
    for (what, request) in [("unsigned", scan(&endpoint)), ("forged", forged(scan(&endpoint)))] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{what}");
        assert!(!answer.text().await.expect("text").contains("TableNames"), "{what}");
    }
    // Nothing is told to who only looks which port it is.
    let answer = Client::new().get(&endpoint).send().await.expect("an answer");
    assert_eq!(answer.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_and_no_other_name_reaches_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let (s3, _) = Running::s3(folder.path(), BUCKET).await;
    for endpoint in [dynamodb.endpoint(), s3.endpoint()] {
        for (name, value) in [
            ("host", "evil.example"),
            ("origin", "https://evil.example"),
            ("origin", "http://localhost:3000"),
            ("origin", "null"),
        ] {
            for method in [Method::OPTIONS, Method::GET, Method::POST] {
                let request = Client::new().request(method.clone(), &endpoint).header(name, value);
                let request = request.header("access-control-request-method", "POST");
                let answer =
                    request.header("access-control-request-headers", "authorization").send().await.expect("an answer");
                assert_eq!(answer.status(), 403, "{endpoint}, {method}, {name}: {value}");
                for header in answer.headers().keys() {
                    assert!(!header.as_str().starts_with("access-control"), "{endpoint}, {name}: {value}: {header}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_ends_and_makes_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let mut door = Door::for_programs(names(&listener));
    (door.connections, door.head_within) = (1, Duration::from_millis(50));
    let shutdown = CancellationToken::new();
    let respond = |_| async { Response::new(Body::from("here".to_owned())) };
    let server = http::serve(listener, door, shutdown.clone(), |_| Response::new(Body::empty()), respond);
    let server = tokio::spawn(server);

    let mut slow = TcpStream::connect(address).await.expect("connects");
    slow.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow").await.expect("writes");
    let answer = Client::new().get(format!("http://{address}/")).send().await.expect("an answer, once there is room");
    assert_eq!(answer.text().await.expect("text"), "here");
    let mut rest = Vec::new();
    let _ = slow.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("here"));
    shutdown.cancel();
    server.await.expect("ends");
}
