//! Services on free ports, and tasks as people and workers leave them.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::types::AttributeValue;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, GeneratedImage, GenerationReport, NewTask, Progress, Settings, Task};
use easel_domain::{Labels, TaskRequest};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::s3::S3;
use easel_storage::gallery::keys;
use easel_storage::store::{Created, Saved};
use easel_storage::workflow::Workflow;
use easel_test_support::embedded::{self, BUCKET, Running, TABLE};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

/// Services with nothing in them.
pub(crate) struct TestServices {
    pub(crate) workflow: Workflow,
    pub(crate) client: aws_sdk_dynamodb::Client,
    dynamodb: Running<DynamoDb>,
    s3: Running<S3>,
    _folder: TempDir,
}

impl TestServices {
    pub(crate) async fn start() -> Self {
        let services = Self::without_table().await;
        services.workflow.store.create_table().await.expect("a table");
        services
    }

    pub(crate) async fn without_table() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dynamodb = Running::dynamodb(&folder.path().join("dynamodb")).await;
        let (s3, _) = Running::s3(&folder.path().join("s3"), BUCKET).await;
        let workflow = embedded::workflow(&dynamodb, &s3);
        Self { workflow, client: dynamodb.client(), dynamodb, s3, _folder: folder }
    }

    /// The same services as a program uses them whose requests go through this client.
    pub(crate) fn workflow_through(&self, http_client: SharedHttpClient) -> Workflow {
        embedded::workflow_of(&embedded::access().through(http_client), &self.dynamodb, &self.s3)
    }

    /// What is asked for in these tests.
    pub(crate) fn request() -> TaskRequest {
        let Value::Object(object) = json!({"prompt": "a red heart", "title": "Heart", "metadata": {"a": "b"}}) else {
            unreachable!("it is an object")
        };
        TaskRequest::read(object).expect("a request")
    }

    /// A task that waits for a worker.
    pub(crate) async fn pending(&self, owner: &str) -> Task {
        let TaskRequest { settings, labels } = Self::request();
        self.make(new(Uuid::now_v7(), owner, settings, labels)).await
    }

    /// A task from a worker's or a person's hand.
    pub(crate) async fn make(&self, new: NewTask) -> Task {
        let by = Identity::new(new.owner.clone(), Role::Creator);
        let (task, event) = Task::create(new, &by, Timestamp::now());
        assert_eq!(self.workflow.store.create(&task, &event, None).await.expect("created"), Created::New);
        task
    }

    /// The task after a change by `by`.
    pub(crate) async fn change(&self, task: &Task, change: Change, by: &Identity) -> Task {
        let (task, event) = task.after(change, by, Timestamp::now()).expect("a legal move");
        assert_eq!(self.workflow.store.save(&task, &event).await.expect("saved"), Saved::Done);
        task
    }

    /// A task that a worker holds for so long.
    pub(crate) async fn claimed(&self, owner: &str, lease: SignedDuration) -> Task {
        let (pending, worker, now) = (self.pending(owner).await, Identity::worker("w"), Timestamp::now());
        let claim = Change::Claim { worker: worker.name.clone(), step: 0, used: Vec::new() };
        let (task, event) = pending.after(claim, &worker, now).expect("a legal move");
        let lease_until = (now + lease).as_millisecond();
        let progress = Progress { lease_until, ..progress(task.version) };
        let saved = self.workflow.store.save_claim(&task, &event, &progress).await;
        assert_eq!(saved.expect("claimed"), Saved::Done);
        task
    }

    /// The task, claimed and generated, with its images.
    pub(crate) async fn drawn(&self, task: &Task, count: u32) -> Task {
        let worker = Identity::worker("w");
        let claim = Change::Claim { worker: worker.name.clone(), step: 0, used: Vec::new() };
        let (task, event) = task.after(claim, &worker, Timestamp::now()).expect("a legal move");
        let saved = self.workflow.store.save_claim(&task, &event, &progress(task.version)).await;
        assert_eq!(saved.expect("claimed"), Saved::Done);
        let mut images = Vec::new();
        for index in 0..count {
            let image = image(task.id, task.attempt.number, index);
            for key in [&image.key, &image.thumbnail_key] {
                let written =
                    self.workflow.gallery.write_image(key, vec![u8::try_from(index).expect("few")], "image/png");
                written.await.expect("written");
            }
            images.push(image);
        }
        self.change(&task, Change::Finish { images, generation: Box::new(report()) }, &worker).await
    }

    /// A task whose images a reviewer accepted.
    pub(crate) async fn approved(&self, owner: &str, count: u32) -> Task {
        self.approved_some(owner, count, None).await
    }

    /// A task of which a reviewer accepted some images.
    pub(crate) async fn approved_some(&self, owner: &str, count: u32, images: Option<Vec<u32>>) -> Task {
        let drawn = self.drawn(&self.pending(owner).await, count).await;
        self.change(
            &drawn,
            Change::Approve { note: Some("well done".to_owned()), images, notes: Vec::new() },
            &reviewer("robin"),
        )
        .await
    }

    /// Writes the task's row as it was before attempts had rows of their own.
    pub(crate) async fn overwrite_as_before(&self, task: &Task) {
        self.put("TASK", task.id, task).await;
    }

    /// A task that waits for a worker, as it was written before rows had keys of the indexes.
    pub(crate) async fn task_as_before(&self, owner: &str) -> Task {
        let new = new(Uuid::now_v7(), owner, Settings::new("a red heart"), Labels::default());
        let (task, event) = Task::create(new, &Identity::new(owner, Role::Creator), Timestamp::now());
        self.put("TASK", task.id, &task).await;
        self.put("EVENT#0000000001", task.id, &event).await;
        task
    }

    /// Writes a row past the store.
    pub(crate) async fn put(&self, sort: &str, id: Uuid, value: &impl Serialize) {
        let mut row: HashMap<String, AttributeValue> = serde_dynamo::to_item(value).expect("a row");
        row.insert("PK".to_owned(), AttributeValue::S(format!("TASK#{id}")));
        row.insert("SK".to_owned(), AttributeValue::S(sort.to_owned()));
        self.client.put_item().table_name(TABLE).set_item(Some(row)).send().await.expect("written");
    }

    /// The keys under a prefix.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        self.workflow.gallery.keys(prefix).await.expect("S3 answers")
    }
}

pub(crate) fn new(id: Uuid, owner: &str, settings: Settings, labels: Labels) -> NewTask {
    NewTask { id, owner: owner.to_owned(), settings, labels, source: None, approvals_needed: 1 }
}

/// The progress of a claim whose lease is over.
pub(crate) fn progress(fence: u64) -> Progress {
    Progress {
        error: None,
        fence,
        lease_until: 0,
        step: 1,
        total: 1,
        stage: "decode".to_owned(),
        remaining_seconds: None,
        at: Timestamp::now(),
        preview: None,
    }
}

pub(crate) fn reviewer(name: &str) -> Identity {
    Identity::new(name, Role::Reviewer)
}

pub(crate) fn image(task: Uuid, attempt: u32, index: u32) -> GeneratedImage {
    GeneratedImage {
        index,
        key: keys::image(task, attempt, index),
        thumbnail_key: keys::thumbnail(task, attempt, index),
        width: 128,
        height: 128,
        bytes: 1,
        seed: 1,
        sha256: "0".repeat(64),
    }
}

pub(crate) fn report() -> GenerationReport {
    GenerationReport {
        model: "m".to_owned(),
        device: "cpu".to_owned(),
        device_name: "CPU".to_owned(),
        precision: "f32".to_owned(),
        width: 128,
        height: 128,
        steps: 20,
        guidance_scale: 5.5,
        scheduler: "euler".to_owned(),
        refined: false,
        queue_seconds: 1.0 / 3.0,
        drawing_seconds: 60.0,
        step_seconds: 3.0,
        dollars_per_image: None,
        warnings: vec!["the prompt is long".to_owned()],
    }
}
