//! The API on embedded services, without a network in between, and people who call it.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use easel_api::{Identification, Services, TokenKey};
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, GeneratedImage, GenerationReport, Task};
use easel_embedded::dynamodb::DynamoDb;
use easel_embedded::s3::S3;
use easel_storage::gallery::{Gallery, keys};
use easel_storage::store::Saved;
use easel_storage::workflow::Workflow;
use easel_test_support::embedded::{self, ACCESS_KEY_ID, BUCKET, REGION, Running, SECRET_ACCESS_KEY};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The API on services with nothing in them.
pub(crate) struct TestApi {
    pub(crate) services: Services,
    pub(crate) s3: Running<S3>,
    key: TokenKey,
    _dynamodb: Running<DynamoDb>,
    _folder: TempDir,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status.as_u16(), status, "{}", text.chars().take(2_000).collect::<String>());
        serde_json::from_slice(&self.bytes).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }
}

impl TestApi {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dynamodb = Running::dynamodb(&folder.path().join("dynamodb")).await;
        let (s3, _) = Running::s3(&folder.path().join("s3"), BUCKET).await;
        let workflow = embedded::workflow(&dynamodb, &s3);
        workflow.store.create_table().await.expect("a table");
        let key = TokenKey::new(b"a secret".to_vec());
        let services = Services::new(workflow, Identification::Tokens(key.clone()));
        Self { services, s3, key, _dynamodb: dynamodb, _folder: folder }
    }

    /// The same API with URLs as long as a function's role makes them.
    pub(crate) fn with_long_urls(mut self) -> Self {
        let token = "t".repeat(1_200);
        let access = easel_test_support::clients::Access::until(REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY, Some(&token));
        let gallery = Gallery::new(access.s3(&self.s3.endpoint()), BUCKET);
        self.services.workflow = Workflow { gallery, ..self.services.workflow };
        self
    }

    /// What somebody's request is answered.
    pub(crate) async fn call(&self, who: &Identity, method: &str, path: &str, body: &Value) -> Answer {
        self.call_with(who, method, path, body, &[]).await
    }

    /// What somebody's request with these headers is answered.
    pub(crate) async fn call_with(
        &self,
        who: &Identity,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let token = self.key.sign(who, SignedDuration::from_hours(1)).expect("a token");
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {token}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.body(body).expect("a request");
        let response = easel_api::router(self.services.clone()).oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body").to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// The task that somebody asks for.
    pub(crate) async fn create(&self, who: &Identity, request: &Value) -> Task {
        let made = self.call(who, "POST", "/v1/tasks", request).await.expect(201);
        let id = made["id"].as_str().expect("an id").parse().expect("a UUID");
        self.services.workflow.store.task(id).await.expect("it is there")
    }

    /// The task after a worker or a person has changed it.
    pub(crate) async fn change(&self, task: &Task, change: Change, by: &Identity) -> Task {
        let (changed, event) = task.after(change, by, Timestamp::now()).expect("a legal change");
        assert_eq!(self.services.workflow.store.save(&changed, &event).await.expect("saved"), Saved::Done);
        changed
    }

    /// The task with this many images.
    pub(crate) async fn draw(&self, task: &Task, count: u32) -> Task {
        let worker = Identity::worker("host-7.internal/1");
        let claimed =
            self.change(task, Change::Claim { worker: worker.name.clone(), step: 0, used: Vec::new() }, &worker).await;
        for key in (0..count).flat_map(|index| [keys::image(task.id, 1, index), keys::thumbnail(task.id, 1, index)]) {
            let gallery = &self.services.workflow.gallery;
            gallery.write_image(&key, b"an image".to_vec(), "image/png").await.expect("written");
        }
        let images = (0..count).map(|index| GeneratedImage {
            index,
            key: keys::image(task.id, 1, index),
            thumbnail_key: keys::thumbnail(task.id, 1, index),
            width: 2048,
            height: 2048,
            bytes: 9_999_999,
            seed: u64::MAX,
            sha256: "0".repeat(64),
        });
        let generation = GenerationReport {
            model: "demo".to_owned(),
            device: "cpu".to_owned(),
            device_name: "a CPU".to_owned(),
            precision: "f32".to_owned(),
            width: 2048,
            height: 2048,
            steps: 150,
            guidance_scale: 7.5,
            scheduler: "euler".to_owned(),
            refined: false,
            queue_seconds: 1.0,
            drawing_seconds: 1.0,
            step_seconds: 1.0,
            dollars_per_image: None,
            warnings: vec!["w".repeat(2_000)],
        };
        let finish = Change::Finish { images: images.collect(), generation: Box::new(generation) };
        self.change(&claimed, finish, &worker).await
    }
}

pub(crate) fn carla() -> Identity {
    Identity::new("carla", Role::Creator)
}

pub(crate) fn bob() -> Identity {
    Identity::new("bob", Role::Creator)
}

pub(crate) fn robin() -> Identity {
    Identity::new("robin", Role::Reviewer)
}

pub(crate) fn rosa() -> Identity {
    Identity::new("rosa", Role::Reviewer)
}
