//! Services on free ports, workers, and the messages that S3's events make.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use easel_core::fields::Fields;
use easel_core::gallery::{Gallery, keys};
use easel_core::identity::{Identity, Role};
use easel_core::order::Order;
use easel_core::store::Store;
use easel_core::task::{Status, Task};
use easel_core::workflow::Workflow;
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::notification::ObjectCreated;
use easel_embedded::s3::{S3, S3Options};
use easel_generate::studio::{Studio, StudioOptions};
use easel_generate::worker::{Deadline, Delivery, Outcome, Worker, WorkerOptions};
use easel_model::DevicePreference;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const NAME: &str = "easel";
const KEY: &str = "key";
const REGION: &str = "us-east-1";
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(120);

/// Services with nothing in them, and what S3 announces.
pub(crate) struct Services {
    pub(crate) workflow: Workflow,
    pub(crate) client: aws_sdk_s3::Client,
    pub(crate) dynamodb: Restartable<DynamoDb>,
    pub(crate) s3: Restartable<S3>,
    created: Mutex<UnboundedReceiver<ObjectCreated>>,
    _folder: TempDir,
}

/// A service that can be stopped and started again where it was.
pub(crate) struct Restartable<S> {
    start: Box<dyn Fn(TcpListener, CancellationToken) -> Starting<S> + Send + Sync>,
    address: SocketAddr,
    running: Mutex<Option<(S, CancellationToken)>>,
}

type Starting<S> = Pin<Box<dyn Future<Output = S> + Send>>;

/// A service that ends once it is told to.
pub(crate) trait Stopping {
    async fn stopped(self);
}

impl Stopping for DynamoDb {
    async fn stopped(self) {
        self.stopped().await;
    }
}

impl Stopping for S3 {
    async fn stopped(self) {
        self.stopped().await;
    }
}

impl<S: Stopping> Restartable<S> {
    async fn start(start: impl Fn(TcpListener, CancellationToken) -> Starting<S> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let running = start(listener, stop.clone()).await;
        Self { start: Box::new(start), address, running: Mutex::new(Some((running, stop))) }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn stop(&self) {
        let (running, stop) = self.running.lock().await.take().expect("it runs");
        stop.cancel();
        running.stopped().await;
    }

    pub(crate) async fn start_again(&self) {
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        let stop = CancellationToken::new();
        let running = (self.start)(listener, stop.clone()).await;
        *self.running.lock().await = Some((running, stop));
    }
}

impl Services {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = folder.path().join("dynamodb");
        let dynamodb = Restartable::start(move |listener, stop| {
            let rows = rows.clone();
            Box::pin(async move { DynamoDb::start(&rows, listener, stop).await.expect("DynamoDB starts") })
        })
        .await;
        let (tell, created) = unbounded_channel();
        let objects = folder.path().join("s3");
        let s3 = Restartable::start(move |listener, stop| {
            let (objects, tell) = (objects.clone(), tell.clone());
            let options = S3Options {
                bucket: NAME.to_owned(),
                access_key_id: KEY.to_owned(),
                secret_access_key: KEY.to_owned(),
                watched_prefixes: vec![keys::REQUESTS.to_owned(), keys::UPLOADS.to_owned()],
                notifier: Arc::new(move |object| drop(tell.send(object))),
            };
            Box::pin(async move { S3::start(&objects, options, listener, stop).await.expect("S3 starts") })
        })
        .await;
        let credentials = Credentials::new(KEY, KEY, None, None, "test");
        let configuration = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(dynamodb.endpoint())
            .build();
        let store = Store::new(aws_sdk_dynamodb::Client::from_conf(configuration), NAME);
        store.create_table().await.expect("a table");
        let configuration = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials)
            .endpoint_url(s3.endpoint())
            .force_path_style(true)
            .build();
        let client = aws_sdk_s3::Client::from_conf(configuration);
        let workflow = Workflow { store, gallery: Gallery::new(client.clone(), NAME) };
        Self { workflow, client, dynamodb, s3, created: Mutex::new(created), _folder: folder }
    }

    /// What a program in another process finds these services by.
    pub(crate) fn environment(&self) -> [(&'static str, String); 8] {
        [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.endpoint()),
            ("AWS_ENDPOINT_URL_S3", self.s3.endpoint()),
            // There is none: whoever asks for it is told so at once.
            ("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
            ("EASEL_TABLE", NAME.to_owned()),
            ("EASEL_BUCKET", NAME.to_owned()),
        ]
    }

    /// Asks for pictures like a client.
    pub(crate) async fn order(&self, order: &Value) -> Task {
        let fields = Fields::parse(order.to_string().as_bytes()).expect("an object");
        let reading = Order::read(fields).expect("an order");
        self.workflow.create(reading, &creator(), None).await.expect("created")
    }

    /// The message of the next object that is created.
    pub(crate) async fn message(&self) -> String {
        let next = async { self.created.lock().await.recv().await.expect("S3 runs") };
        let created = tokio::time::timeout(LONG, next).await.expect("an object is created");
        created.to_event(REGION).to_string()
    }

    /// Whether no object was created that nobody was told of.
    pub(crate) async fn is_quiet(&self) -> bool {
        self.created.lock().await.is_empty()
    }

    pub(crate) async fn task(&self, id: Uuid) -> Task {
        self.workflow.store.task(id).await.expect("the task is there")
    }

    /// The tasks at `status`.
    pub(crate) async fn all(&self, status: Status) -> Vec<Task> {
        let filter = easel_core::store::Filter { status: Some(status), ..Default::default() };
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

    /// The task's pictures, which are what its hashes say.
    pub(crate) async fn pictures(&self, task: &Task) -> Vec<Vec<u8>> {
        let mut pictures = Vec::new();
        for picture in &task.attempt.pictures {
            let bytes = self.bytes(&picture.key).await.expect("the picture is there");
            assert_eq!(bytes.len() as u64, picture.bytes);
            pictures.push(bytes);
        }
        pictures
    }

    /// What happened to a task, as words.
    pub(crate) async fn moves(&self, id: Uuid) -> Vec<&'static str> {
        let history = self.workflow.store.history(id).await.expect("a history");
        history.iter().map(|event| event.change.step().map_or("create", |step| step.as_str())).collect()
    }

    /// Draws the order with nothing in the way.
    pub(crate) async fn undisturbed(&self, order: &Value) -> Vec<Vec<u8>> {
        let task = self.order(order).await;
        let outcome = self.worker("undisturbed").handle(&delivery(self.message().await)).await;
        assert_eq!(outcome, Outcome::Done);
        let task = self.task(task.id).await;
        assert_eq!(task.status, Status::AwaitingApproval);
        self.pictures(&task).await
    }

    pub(crate) fn worker(&self, name: &str) -> Arc<Worker> {
        self.worker_with(WorkerOptions::new(name))
    }

    pub(crate) fn worker_with(&self, options: WorkerOptions) -> Arc<Worker> {
        Arc::new(Worker::new(self.workflow.clone(), studio(), options))
    }

    /// Waits until a worker has told of a step of the task.
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
pub(crate) fn studio() -> Arc<Studio> {
    static STUDIO: OnceLock<Arc<Studio>> = OnceLock::new();
    let options = StudioOptions { device: DevicePreference::Flex, ..StudioOptions::default() };
    STUDIO.get_or_init(|| Arc::new(Studio::open(&options).expect("the demo model"))).clone()
}

pub(crate) fn creator() -> Identity {
    Identity { name: "carla".to_owned(), role: Role::Creator }
}

/// A small picture.
pub(crate) fn heart(seed: u64) -> Value {
    json!({"prompt": "a large red heart on a blue background", "width": 128, "height": 128, "steps": 20, "seed": seed})
}

/// A picture that takes long enough to be disturbed.
pub(crate) fn slow_heart(seed: u64) -> Value {
    let mut order = heart(seed);
    order["steps"] = json!(150);
    order
}

/// A first delivery without a deadline.
pub(crate) fn delivery(body: String) -> Delivery {
    Delivery { body, count: 1, deadline: Deadline::none(), stop: CancellationToken::new() }
}
