//! Services on free ports, workers, and the messages that S3's events make.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use easel_domain::TaskRequest;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Status, Task};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::notification::ObjectCreated;
use easel_embedded::s3::S3;
use easel_model::DevicePreference;
use easel_storage::gallery::keys;
use easel_storage::workflow::Workflow;
use easel_system::environment::{self, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3};
use easel_test_support::embedded::{self, ACCESS_KEY_ID, BUCKET, REGION, Running, SECRET_ACCESS_KEY, TABLE};
use easel_worker::engine::{Engine, EngineOptions};
use easel_worker::worker::{Deadline, Delivery, DeliveryOutcome, Worker, WorkerOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(120);

/// Services with nothing in them, and what S3 announces.
pub(crate) struct TestServices {
    pub(crate) workflow: Workflow,
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) dynamodb: Running<DynamoDb>,
    pub(crate) s3: Running<S3>,
    created: Mutex<UnboundedReceiver<ObjectCreated>>,
    _folder: TempDir,
}

impl TestServices {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dynamodb = Running::dynamodb(&folder.path().join("dynamodb")).await;
        let (s3, created) = Running::s3(&folder.path().join("s3"), BUCKET).await;
        let (workflow, client) = (embedded::workflow(&dynamodb, &s3), embedded::access().s3(&s3.endpoint()));
        workflow.store.create_table().await.expect("a table");
        Self { workflow, client, dynamodb, s3, created: Mutex::new(created), _folder: folder }
    }

    /// The environment by which a program in another process finds these services.
    pub(crate) fn environment(&self) -> [(&'static str, String); 8] {
        [
            (AWS_ENDPOINT_URL_DYNAMODB, self.dynamodb.endpoint()),
            (AWS_ENDPOINT_URL_S3, self.s3.endpoint()),
            // There is no such service: calls to it fail at once.
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            (environment::TABLE, TABLE.to_owned()),
            (environment::BUCKET, BUCKET.to_owned()),
        ]
    }

    /// Requests images like a client.
    pub(crate) async fn order(&self, order: &Value) -> Task {
        let Value::Object(object) = order.clone() else { panic!("an object") };
        let request = TaskRequest::read(object).expect("a request");
        self.workflow.create(request, &creator(), None).await.expect("created").task
    }

    /// The message of the next object that is created.
    pub(crate) async fn message(&self) -> String {
        tokio::time::timeout(LONG, self.next_message()).await.expect("an object is created")
    }

    /// Like [`Self::message`], however long that takes.
    pub(crate) async fn next_message(&self) -> String {
        self.created.lock().await.recv().await.expect("S3 runs").to_event(REGION).to_string()
    }

    /// Whether no created object is left to be reported.
    pub(crate) async fn is_quiet(&self) -> bool {
        self.created.lock().await.is_empty()
    }

    pub(crate) async fn task(&self, id: Uuid) -> Task {
        self.workflow.store.task(id).await.expect("the task is there")
    }

    /// The tasks at `status`.
    pub(crate) async fn all(&self, status: Status) -> Vec<Task> {
        let filter = easel_storage::store::Filter::at(status);
        self.workflow.store.list(&filter, 10, None).await.expect("a list").tasks
    }

    /// The only task there is at `status`.
    pub(crate) async fn only(&self, status: Status) -> Task {
        let [task] = self.all(status).await.try_into().expect("one task");
        task
    }

    pub(crate) async fn bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.workflow.gallery.read(key, 1 << 30).await.expect("S3 answers").map(|object| object.bytes)
    }

    /// The task's images, which are what its hashes say.
    pub(crate) async fn images(&self, task: &Task) -> Vec<Vec<u8>> {
        let mut images = Vec::new();
        for image in &task.attempt.images {
            let bytes = self.bytes(&image.key).await.expect("the image is there");
            assert_eq!(bytes.len() as u64, image.bytes);
            images.push(bytes);
        }
        images
    }

    /// What happened to a task, as words.
    pub(crate) async fn moves(&self, id: Uuid) -> Vec<&'static str> {
        let history = self.workflow.store.history(id).await.expect("a history");
        history.iter().map(|event| event.change.action().map_or("create", |action| action.as_str())).collect()
    }

    /// Generates what the order asks for, with nothing in the way.
    pub(crate) async fn undisturbed(&self, order: &Value) -> Vec<Vec<u8>> {
        let task = self.order(order).await;
        let outcome = self.worker("undisturbed").handle(&delivery(self.message().await)).await;
        assert_eq!(outcome, DeliveryOutcome::Done);
        let task = self.task(task.id).await;
        assert_eq!(task.status, Status::AwaitingApproval);
        self.images(&task).await
    }

    pub(crate) fn worker(&self, name: &str) -> Arc<Worker> {
        self.worker_with(WorkerOptions::new(name))
    }

    pub(crate) fn worker_with(&self, options: WorkerOptions) -> Arc<Worker> {
        Arc::new(Worker::new(self.workflow.clone(), engine(), options))
    }

    /// Waits until a worker has reported a step of the task.
    pub(crate) async fn until_begun(&self, id: Uuid) {
        let begun = async {
            loop {
                let (_, progress) = self.workflow.store.task_and_progress(id).await.expect("the task is there");
                if progress.is_some_and(|progress| progress.step > 0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, begun).await.expect("it begins");
    }
}

/// One model for all workers of this process.
pub(crate) fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    let options = EngineOptions { device: DevicePreference::Flex, ..EngineOptions::default() };
    ENGINE.get_or_init(|| Arc::new(Engine::open(&options).expect("the demo model"))).clone()
}

pub(crate) fn creator() -> Identity {
    Identity::new("carla", Role::Creator)
}

/// The key of an image that the creator uploaded.
pub(crate) fn input(name: &str) -> String {
    format!("{}{name}", keys::inputs_of(&creator().name))
}

/// A small image.
pub(crate) fn heart(seed: u64) -> Value {
    json!({"prompt": "a large red heart on a blue background", "width": 128, "height": 128, "steps": 20, "seed": seed})
}

/// An image that takes long enough to be disturbed.
pub(crate) fn slow_heart(seed: u64) -> Value {
    let mut order = heart(seed);
    order["steps"] = json!(150);
    order
}

/// A first delivery without a deadline.
pub(crate) fn delivery(body: String) -> Delivery {
    Delivery { body, count: 1, deadline: Deadline::none(), stop: CancellationToken::new() }
}
