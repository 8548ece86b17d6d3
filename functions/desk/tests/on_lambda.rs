//! The program as Lambda starts it, with API Gateway's events.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use easel_test_support::lambda_runtime::LambdaRuntime;
use serde_json::{Value, json};

use crate::support::decompressed;

const TIME: Duration = Duration::from_secs(29);
const VARIABLES: [(&str, &str); 4] = [
    ("EASEL_IMAGES_ORIGIN", "https://bucket.s3.us-east-1.amazonaws.com"),
    ("EASEL_OIDC_ISSUER", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ea5elPool"),
    ("EASEL_OIDC_CLIENT", "5d2p1o7s3kqv9m4example"),
    ("EASEL_OIDC_ORIGIN", "https://easel.auth.us-east-1.amazoncognito.com"),
];

/// A function and what runs it.
struct Function {
    runtime: LambdaRuntime,
    child: Child,
}

impl Function {
    async fn start(variables: [(&str, &str); 4]) -> Self {
        let runtime = LambdaRuntime::start().await;
        let child = program().envs(runtime.environment()).envs(variables).stdout(Stdio::null()).spawn();
        Self { runtime, child: child.expect("the program starts") }
    }

    /// The response for the gateway.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Value {
        let mut event = event();
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["path"] = path.into();
        for (name, value) in headers {
            event["headers"][*name] = (*value).into();
        }
        let answer = self.runtime.invoke(event.to_string(), TIME).await.expect("no error");
        serde_json::from_str(&answer).expect("JSON")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with nothing in its environment.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_desk"));
    command.env_clear();
    command
}

/// What the gateway sends when a browser opens the desk.
fn event() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/desk.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("an event")).expect("JSON")
}

/// The body, which is base64 where it is no text.
fn bytes(answer: &Value) -> Vec<u8> {
    let body = answer["body"].as_str().unwrap_or_else(|| panic!("no body: {answer:#}"));
    match answer["isBase64Encoded"].as_bool() {
        Some(true) => BASE64_STANDARD.decode(body).expect("base64"),
        _ => body.as_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_serves_browsers() {
    let function = Function::start(VARIABLES).await;
    let plain = function.get("/", &[("accept-encoding", "identity")]).await;
    assert_eq!((&plain["statusCode"], &plain["headers"]["cache-control"]), (&json!(200), &json!("no-cache")));
    let page = String::from_utf8(bytes(&plain)).expect("text");
    let compressed = function.get("/", &[]).await;
    assert_eq!(compressed["headers"]["content-encoding"], "gzip");
    assert_eq!(decompressed(&bytes(&compressed)), page);

    let script = page.split_once("src=\"").and_then(|(_, rest)| rest.split('"').next()).expect("a script");
    let script = &format!("/{script}");
    let kept = function.get(script, &[]).await;
    assert_eq!(kept["headers"]["cache-control"], "public, max-age=31536000, immutable");
    let etag = kept["headers"]["etag"].as_str().expect("a tag");
    let again = function.get(script, &[("if-none-match", etag)]).await;
    assert_eq!((&again["statusCode"], &again["body"]), (&json!(304), &json!("")));

    let configuration = function.get("/desk/configuration.json", &[]).await;
    let configuration: Value = serde_json::from_slice(&bytes(&configuration)).expect("JSON");
    let sign_in = json!({"kind": "oidc", "issuer": VARIABLES[1].1, "client_id": VARIABLES[2].1, "scope": "openid", "links": false});
    assert_eq!(configuration["sign_in"], sign_in);
    let policy = plain["headers"]["content-security-policy"].as_str().expect("a policy");
    let connections = "connect-src 'self' https://bucket.s3.us-east-1.amazonaws.com \
                       https://cognito-idp.us-east-1.amazonaws.com https://easel.auth.us-east-1.amazoncognito.com;";
    assert!(policy.contains(connections), "{policy}");
    assert_eq!(function.get("/desk/other/desk.js", &[]).await["statusCode"], 404);
}

#[test]
fn the_function_does_not_start_without_what_it_needs() {
    for variables in [&[][..], &VARIABLES.map(|(name, _)| (name, ""))] {
        let output = program().envs(variables.iter().copied()).output().expect("the program runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains("EASEL_IMAGES_ORIGIN"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_set_to_nothing_is_not_set() {
    let function =
        Function::start(VARIABLES.map(|(name, value)| (name, if name == VARIABLES[0].0 { value } else { "" }))).await;
    let configuration = function.get("/desk/configuration.json", &[]).await;
    let configuration: Value = serde_json::from_slice(&bytes(&configuration)).expect("JSON");
    assert_eq!(configuration["sign_in"], json!({"kind": "link"}));
}
