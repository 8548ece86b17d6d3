//! The program as Lambda starts it, with no model anywhere, beside embedded services.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use easel_domain::TaskRequest;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Move, Task};
use easel_storage::workflow::Workflow;
use easel_system::environment::{self, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3, DISTRIBUTION, MODEL};
use easel_test_support::embedded::{self, ACCESS_KEY_ID, BUCKET, REGION, Running, SECRET_ACCESS_KEY, TABLE};
use easel_test_support::lambda_runtime::LambdaRuntime;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// What stands in the events for a task's id.
const ID: &str = "019ab5c2-7d40-7e11-9c53-0f4c8a6b2d19";
const TIME: Duration = Duration::from_secs(60);

/// The function and the services that it works with.
struct RunningFunction {
    workflow: Workflow,
    created: tokio::sync::mpsc::UnboundedReceiver<easel_embedded::notification::ObjectCreated>,
    runtime: LambdaRuntime,
    child: Child,
    _services: (Running<easel_embedded::dynamodb::DynamoDb>, Running<easel_embedded::s3::S3>, TempDir),
}

impl RunningFunction {
    async fn start(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dynamodb = Running::dynamodb(&folder.path().join("rows")).await;
        let (s3, created) = Running::s3(&folder.path().join("objects"), BUCKET).await;
        let workflow = embedded::workflow(&dynamodb, &s3);
        workflow.store.create_table().await.expect("a table");
        let runtime = LambdaRuntime::start().await;
        let mut command = Command::new(env!("CARGO_BIN_EXE_housekeeping"));
        command.env_clear().envs(runtime.environment()).stdout(Stdio::null());
        command.envs([
            (AWS_ENDPOINT_URL_DYNAMODB, dynamodb.endpoint().as_str()),
            (AWS_ENDPOINT_URL_S3, s3.endpoint().as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            (environment::TABLE, TABLE),
            (environment::BUCKET, BUCKET),
            (MODEL, "/nowhere/at-all"),
        ]);
        let child = command.envs(more.iter().copied()).spawn().expect("the program starts");
        Self { workflow, created, runtime, child, _services: (dynamodb, s3, folder) }
    }

    async fn answer(&self, event: &str) -> Value {
        let answer = self.runtime.invoke(event.to_owned(), TIME).await.expect("no error");
        serde_json::from_str(&answer).expect("JSON")
    }

    async fn order(&mut self) -> Task {
        let Value::Object(object) = json!({"prompt": "a large red heart"}) else { unreachable!("an object") };
        let request = TaskRequest::read(object).expect("a request");
        let task = self.workflow.create(request, &carla(), None).await.expect("created").task;
        assert_eq!(self.requested().await, task.id);
        task
    }

    /// The task that is asked for next.
    async fn requested(&mut self) -> Uuid {
        let created = tokio::time::timeout(TIME, self.created.recv()).await.expect("an object").expect("S3 runs");
        easel_storage::gallery::keys::requested(&created.key).expect("a request")
    }
}

impl Drop for RunningFunction {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn carla() -> Identity {
    Identity::new("carla", Role::Creator)
}

fn event(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/{name}.json"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_given_up_is_written_again_where_no_model_opens() {
    let mut function = RunningFunction::start(&[]).await;
    let id = function.order().await.id;
    let letter = event("request-created").replace(ID, &id.to_string());
    assert_eq!(function.answer(&letter).await["batchItemFailures"], json!([]));
    assert_eq!(function.requested().await, id);
    let cancel = |_: &_| Ok(Change::Cancel { reason: None });
    function.workflow.move_task(id, Move::Cancel, &carla(), None, cancel).await.expect("cancelled");
    assert_eq!(function.answer(&letter).await["batchItemFailures"], json!([]));
    assert!(function.created.is_empty(), "nobody waits for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_done_and_what_is_unknown_is_said() {
    let mut function = RunningFunction::start(&[]).await;
    let id = function.order().await.id;
    assert_eq!(function.answer(r#"{"reconcile": true}"#).await["requested"], json!(0));
    let delete = |_: &_| Ok(Change::Delete { after: Timestamp::UNIX_EPOCH });
    function.workflow.move_task(id, Move::Delete, &carla(), None, delete).await.expect("deleted");
    assert_eq!(function.answer(r#"{"housekeeping": true}"#).await, json!({"purged": 1}));
    assert_eq!(function.workflow.store.find(id).await.expect("an answer"), None);
    let refused = function.runtime.invoke(r#"{"validate": true}"#.to_owned(), TIME).await.expect_err("unknown");
    assert!(refused.contains("reconcile") && refused.contains("generate function"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn caches_forget_what_was_withdrawn() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let invalidate = post(move |uri: Uri, body: String| async move {
        let mut seen = seen.lock().expect("no panic");
        seen.push(format!("{uri} {body}"));
        // Away the first time.
        if seen.len() == 1 {
            (StatusCode::BAD_REQUEST, String::new())
        } else {
            (StatusCode::CREATED, CREATED.to_owned())
        }
    });
    let router = Router::new().route("/2020-05-31/distribution/{id}/invalidation", invalidate);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    let function = RunningFunction::start(&[(DISTRIBUTION, "E123"), ("AWS_ENDPOINT_URL_CLOUDFRONT", &address)]).await;
    let removed = event("request-created").replace("ObjectCreated:Put", "ObjectRemoved:DeleteMarkerCreated");
    let removed = removed.replace(&format!("requests/{ID}.json"), &format!("published/{ID}/0.png"));
    let failures = function.answer(&removed).await["batchItemFailures"].as_array().expect("a list").len();
    assert_eq!(failures, 1, "it comes again");
    assert_eq!(function.answer(&removed).await["batchItemFailures"], json!([]));
    let asked = asked.lock().expect("no panic");
    assert_eq!(asked.len(), 2);
    let path = format!("<Path>/published/{ID}/0.png</Path>");
    assert!(asked.iter().all(|call| call.contains("/distribution/E123/") && call.contains(&path)), "{asked:?}");
    assert_eq!(asked[0], asked[1], "the same is asked for again");
}

/// What CloudFront answers.
const CREATED: &str = "<Invalidation><Id>I1</Id><Status>InProgress</Status><CreateTime>2026-01-01T00:00:00Z</CreateTime>\
                       <InvalidationBatch><Paths><Quantity>0</Quantity></Paths><CallerReference>r</CallerReference>\
                       </InvalidationBatch></Invalidation>";
