//! Images to start from: whose they are, how often they are written, and when they go.

use easel_domain::task::{Change, GRACE_PERIOD};
use easel_storage::gallery::keys;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{TestApi, bob, carla, robin};

const FILE: &[u8] = b"not looked at here";

fn announced() -> Value {
    json!({"content_type": "image/png", "content_length": FILE.len()})
}

impl TestApi {
    /// Sends the file as the answer of the API says; the status.
    async fn put(&self, upload: &Value) -> u16 {
        let mut put = reqwest::Client::new().put(upload["url"].as_str().expect("a URL"));
        for (name, value) in upload["headers"].as_object().expect("headers") {
            put = put.header(name, value.as_str().expect("a text"));
        }
        put.body(FILE).send().await.expect("an answer").status().as_u16()
    }

    /// The key of an image that somebody has uploaded.
    async fn uploaded(&self, who: &easel_domain::identity::Identity) -> String {
        let upload = self.call(who, "POST", "/v1/uploads", &announced()).await.expect(201);
        assert_eq!(self.put(&upload).await, 200);
        upload["key"].as_str().expect("a key").to_owned()
    }

    async fn is_there(&self, key: &str) -> bool {
        self.services.workflow.gallery.facts(key).await.expect("S3 answers").is_some()
    }
}

#[tokio::test]
async fn an_upload_is_written_once() {
    let api = TestApi::start().await;
    let upload = api.call(&carla(), "POST", "/v1/uploads", &announced()).await.expect(201);
    assert_eq!(upload["headers"]["if-none-match"], "*");
    assert_eq!(api.put(&upload).await, 200);
    assert_eq!(api.put(&upload).await, 412, "the image that was checked stays what it is");
    // Who leaves the condition out has another signature.
    let put = reqwest::Client::new().put(upload["url"].as_str().expect("a URL")).header("content-type", "image/png");
    assert_eq!(put.body(FILE).send().await.expect("an answer").status().as_u16(), 403);
}

#[tokio::test]
async fn an_image_is_there_for_its_owner_alone() {
    let api = TestApi::start().await;
    let (carla, bob, robin) = (carla(), bob(), robin());
    let key = api.uploaded(&carla).await;
    assert!(key.starts_with(&keys::inputs_of("carla")), "{key}");
    let order = json!({"prompt": "a heart", "init_image": key});
    api.call(&carla, "POST", "/v1/tasks", &order).await.expect(201);
    let missing = json!({"prompt": "a heart", "init_image": format!("{}nothing.png", keys::inputs_of("bob"))});
    let missing = api.call(&bob, "POST", "/v1/tasks", &missing).await.expect(422);
    for other in [&bob, &robin] {
        let refused = api.call(other, "POST", "/v1/tasks", &order).await.expect(422);
        let words = |problem: &Value| {
            let message = problem["errors"][0]["message"].as_str().expect("a message").to_owned();
            message.split('`').step_by(2).collect::<String>()
        };
        assert_eq!(words(&refused), words(&missing), "as if it were not there");
    }
    // Nor for another attempt, but for that of its owner's task, whoever asks for it.
    let task = api.create(&bob, &json!({"prompt": "a heart"})).await;
    let failure = Change::Fail { reason: "no memory".to_owned() };
    let task = api.change(&task, failure.clone(), &easel_domain::identity::Identity::worker("w")).await;
    let retry = |id: uuid::Uuid| format!("/v1/tasks/{id}/retry");
    for who in [&bob, &robin] {
        api.call(who, "POST", &retry(task.id), &json!({"init_image": key})).await.expect(422);
    }
    let own = api.uploaded(&robin).await;
    api.call(&robin, "POST", &retry(task.id), &json!({"init_image": own})).await.expect(200);
    let task = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let task = api.change(&task, failure, &easel_domain::identity::Identity::worker("w")).await;
    api.call(&robin, "POST", &retry(task.id), &json!({"init_image": key})).await.expect(200);
}

#[tokio::test]
async fn an_image_goes_with_the_last_task_that_starts_from_it() {
    let api = TestApi::start().await;
    let carla = carla();
    let key = api.uploaded(&carla).await;
    let order = json!({"prompt": "a heart", "init_image": key});
    let (one, other) = (api.create(&carla, &order).await, api.create(&carla, &order).await);
    // A third comes to it with another attempt.
    let third = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let failure = Change::Fail { reason: "no memory".to_owned() };
    api.change(&third, failure, &easel_domain::identity::Identity::worker("w")).await;
    let retried = api.call(&carla, "POST", &format!("/v1/tasks/{}/retry", third.id), &json!({"init_image": key})).await;
    retried.expect(200);
    for (id, is_left) in [(one.id, true), (other.id, true), (third.id, false)] {
        assert!(api.is_there(&key).await);
        api.call(&carla, "DELETE", &format!("/v1/tasks/{id}"), &json!({})).await.expect(202);
        let later = Timestamp::now() + GRACE_PERIOD;
        assert_eq!(api.services.workflow.purge_deleted(later).await.expect("purged"), 1);
        assert_eq!(api.is_there(&key).await, is_left, "{id}");
    }
}

#[tokio::test]
async fn uploads_have_a_limit_for_each_person_and_day() {
    let mut api = TestApi::start().await;
    api.services.uploads_a_day = 2;
    let carla = carla();
    for _ in 0..2 {
        api.call(&carla, "POST", "/v1/uploads", &announced()).await.expect(201);
    }
    let refused = api.call(&carla, "POST", "/v1/uploads", &announced()).await;
    let seconds: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=86_400).contains(&seconds), "{seconds}");
    assert_eq!(refused.expect(429)["type"], "urn:easel:problem:too-many");
    api.call(&bob(), "POST", "/v1/uploads", &announced()).await.expect(201);
    // What is refused for other reasons does not count.
    let wrong = json!({"content_type": "image/gif", "content_length": 1});
    api.call(&robin(), "POST", "/v1/uploads", &wrong).await.expect(422);
}
