//! Images that tasks are made with: whose they are, how often they are written, and when they go.

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
        self.put_file(upload, FILE).await
    }

    async fn put_file(&self, upload: &Value, file: &'static [u8]) -> u16 {
        let mut put = reqwest::Client::new().put(upload["url"].as_str().expect("a URL"));
        for (name, value) in upload["headers"].as_object().expect("headers") {
            put = put.header(name, value.as_str().expect("a text"));
        }
        put.body(file).send().await.expect("an answer").status().as_u16()
    }

    /// The key of an image that somebody has uploaded.
    async fn uploaded(&self, who: &easel_domain::identity::Identity) -> String {
        let upload = self.call(who, "POST", "/v1/uploads", &announced()).await.expect(201);
        assert_eq!(self.put(&upload).await, 200);
        upload["key"].as_str().expect("a key").to_owned()
    }

    /// The key of this file, which somebody has uploaded.
    async fn uploaded_file(&self, who: &easel_domain::identity::Identity, file: &'static [u8]) -> String {
        let announced = json!({"content_type": "image/png", "content_length": file.len()});
        let upload = self.call(who, "POST", "/v1/uploads", &announced).await.expect(201);
        assert_eq!(self.put_file(&upload, file).await, 200);
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

/// An order that has an image in one field, and the field's path.
fn orders(key: &str) -> [(&'static str, Value); 4] {
    [
        ("init_image", json!({"init_image": key})),
        ("mask", json!({"mask": key})),
        ("controls[0].image", json!({"controls": [{"model": "depth", "image": key}]})),
        ("image_prompts[0]", json!({"image_adapter": "plus", "image_prompts": [key]})),
    ]
}

/// One with a prompt, and what a mask needs.
fn with_prompt(mut order: Value, own: &str) -> Value {
    order["prompt"] = json!("a heart");
    if order.get("mask").is_some() {
        order["init_image"] = json!(own);
    }
    order
}

#[tokio::test]
async fn every_image_of_an_order_is_its_askers_own() {
    let api = TestApi::start().await;
    let (carla, bob, robin) = (carla(), bob(), robin());
    let key = api.uploaded(&carla).await;
    let drawn = api.draw(&api.create(&carla, &json!({"prompt": "a heart"})).await, 2).await;
    let image = format!("task:{}/1", drawn.id);
    let nowhere = format!("task:{}", uuid::Uuid::now_v7());
    for (who, own) in [(&bob, api.uploaded(&bob).await), (&robin, api.uploaded(&robin).await), (&carla, key.clone())] {
        let (uploads, sees) = (who.name == "carla", who.name != "bob");
        for (named, is_theirs) in [(&key, uploads), (&image, sees), (&nowhere, false)] {
            for (field, order) in orders(named) {
                let order = with_prompt(order, &own);
                let answer = api.call(who, "POST", "/v1/tasks", &order).await;
                if is_theirs {
                    answer.expect(201);
                    continue;
                }
                let refused = answer.expect(422);
                let errors = refused["errors"].as_array().expect("errors");
                assert_eq!((errors.len(), &errors[0]["field"]), (1, &json!(field)), "{} {named}", who.name);
            }
        }
    }
    // Two wrong ones are told at once, and an image that is not theirs from one that is not there by nothing.
    let order = json!({"prompt": "a heart", "init_image": key, "mask": image});
    let refused = api.call(&bob, "POST", "/v1/tasks", &order).await.expect(422);
    let unseen = refused["errors"][1]["message"].as_str().expect("a message").to_owned();
    assert_eq!(refused["errors"][0]["field"], "init_image");
    assert_eq!(unseen, format!("there is no task {}", drawn.id));
}

#[tokio::test]
async fn a_task_starts_from_another_tasks_image() {
    let api = TestApi::start().await;
    let (carla, robin) = (carla(), robin());
    let source = api.draw(&api.create(&carla, &json!({"prompt": "a heart"})).await, 2).await;
    let image = |index: u32| format!("task:{}/{index}", source.id);
    let order = |name: &str| json!({"prompt": "a larger heart", "init_image": name, "strength": 0.5});
    let refused = api.call(&carla, "POST", "/v1/tasks", &order(&image(2))).await.expect(422);
    let message = refused["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("has 2 images, which are counted from 0"), "{message}");
    let refused = api.call(&carla, "POST", "/v1/tasks", &order("task:7")).await.expect(422);
    let message = refused["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("is not task:ID or task:ID/INDEX"), "{message}");
    let waiting = api.create(&carla, &json!({"prompt": "a heart"})).await;
    let refused = api.call(&carla, "POST", "/v1/tasks", &order(&format!("task:{}", waiting.id))).await.expect(422);
    let message = refused["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("has no images yet"), "{message}");

    let child = api.call(&carla, "POST", "/v1/tasks", &order(&image(1))).await.expect(201);
    assert_eq!(child["attempt"]["parent"], json!({"task": source.id, "attempt": 1, "index": 1}));
    let copy = child["attempt"]["settings"]["init_image"].as_str().expect("a key").to_owned();
    assert!(copy.starts_with(&keys::inputs_of("carla")), "{copy}");
    // A retry by somebody else starts from the same image or another one, which is copied for them.
    let failure = Change::Fail { reason: "no memory".to_owned() };
    let id = child["id"].as_str().expect("an id").parse().expect("an id");
    let task = api.services.workflow.store.task(id).await.expect("the task");
    let task = api.change(&task, failure.clone(), &easel_domain::identity::Identity::worker("w")).await;
    let retry = format!("/v1/tasks/{id}/retry");
    let again = api.call(&robin, "POST", &retry, &json!({})).await.expect(200);
    assert_eq!(again["attempt"]["settings"]["init_image"], copy);
    assert_eq!(again["attempt"]["parent"]["task"], json!(source.id));
    let task_again = api.services.workflow.store.task(task.id).await.expect("the task");
    api.change(&task_again, failure, &easel_domain::identity::Identity::worker("w")).await;
    let other = api.call(&robin, "POST", &retry, &json!({"init_image": image(0)})).await.expect(200);
    let others = other["attempt"]["settings"]["init_image"].as_str().expect("a key").to_owned();
    assert!(others.starts_with(&keys::inputs_of("robin")), "{others}");

    // The copies stay when the image goes, and go with the task that needs them.
    let gallery = &api.services.workflow.gallery;
    let bytes = |key: String| async move {
        let read = gallery.read(&key, 1_000).await.expect("S3 answers");
        read.map(|object| object.bytes)
    };
    let (copied, expected) = (bytes(copy.clone()).await, bytes(keys::image(source.id, 1, 1)).await);
    assert!(copied.is_some() && copied == expected, "the same bytes");
    for (id, is_left) in [(source.id, true), (id, false)] {
        api.call(&carla, "DELETE", &format!("/v1/tasks/{id}"), &json!({})).await.expect(202);
        let purged = api.services.workflow.purge_deleted(Timestamp::now() + GRACE_PERIOD).await.expect("purged");
        assert_eq!(purged, 1);
        assert_eq!((api.is_there(&copy).await, api.is_there(&others).await), (is_left, is_left));
    }
    let refused = api.call(&carla, "POST", "/v1/tasks", &order(&image(1))).await.expect(422);
    assert_eq!(refused["errors"][0]["message"], format!("there is no task {}", source.id));
}

#[tokio::test]
async fn every_image_goes_with_the_last_task_that_needs_it() {
    let api = TestApi::start().await;
    let carla = carla();
    let own = [(); 4].map(|()| api.uploaded(&carla));
    let mut keys = Vec::new();
    for upload in own {
        keys.push(upload.await);
    }
    let order = json!({
        "prompt": "a heart", "init_image": keys[0], "mask": keys[1], "image_adapter": "plus",
        "image_prompts": [keys[2], keys[2]], "controls": [{"model": "depth", "image": keys[3]}],
    });
    let first = api.create(&carla, &order).await;
    let second = api.create(&carla, &json!({"prompt": "a heart", "init_image": keys[1]})).await;
    for (id, left) in [(first.id, [false, true, false, false]), (second.id, [false; 4])] {
        api.call(&carla, "DELETE", &format!("/v1/tasks/{id}"), &json!({})).await.expect(202);
        api.services.workflow.purge_deleted(Timestamp::now() + GRACE_PERIOD).await.expect("purged");
        for (key, is_left) in keys.iter().zip(left) {
            assert_eq!(api.is_there(key).await, is_left, "{key}");
        }
    }
}

/// Images for tests of the model.
const SQUARE: &[u8] = include_bytes!("../../../model/tests/data/adapters/files/pictures/square.png");
const MASK: &[u8] = include_bytes!("../../../model/tests/data/adapters/files/pictures/mask.png");
/// The beginning of a PNG file of one pixel.
const DOT: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR\0\0\0\x01\0\0\0\x01";
const WIDE_MASK: &[u8] = include_bytes!("../../../model/tests/data/adapters/files/pictures/mask_wide.png");

#[tokio::test]
async fn a_mask_is_as_large_as_what_it_masks() {
    let api = TestApi::start().await;
    let carla = carla();
    let [square, mask, wide, nothing] = [SQUARE, MASK, WIDE_MASK, FILE].map(|file| api.uploaded_file(&carla, file));
    let (square, mask, wide, nothing) = (square.await, mask.await, wide.await, nothing.await);
    let order = |mask: &str| json!({"prompt": "a heart", "init_image": square, "mask": mask});
    api.call(&carla, "POST", "/v1/tasks", &order(&mask)).await.expect(201);
    let refused = api.call(&carla, "POST", "/v1/tasks", &order(&wide)).await.expect(422);
    let size = |file: &[u8]| image_size(file);
    let ((width, height), (init_width, init_height)) = (size(WIDE_MASK), size(SQUARE));
    let message = format!(
        "is {width}×{height} pixels, but the init image is {init_width}×{init_height}: give a mask of the init image's size"
    );
    assert_eq!(refused["errors"], json!([{"field": "mask", "message": message}]));
    let dot = api.uploaded_file(&carla, DOT).await;
    let small = json!({"prompt": "a heart", "init_image": dot});
    let refused = api.call(&carla, "POST", "/v1/tasks", &small).await.expect(422);
    let message = "is 1×1 pixels, and 1 is out of bounds (64 to 4096): give a width, or another image";
    assert_eq!(refused["errors"], json!([{"field": "init_image", "message": message}]));
    for way in [json!({"width": 64, "height": 64}), json!({"strength": 0, "upscaler": "lanczos"})] {
        let mut order = small.clone();
        order.as_object_mut().expect("an object").extend(way.as_object().expect("an object").clone());
        api.call(&carla, "POST", "/v1/tasks", &order).await.expect(201);
    }
    // What is no image is the worker's to say.
    api.call(&carla, "POST", "/v1/tasks", &order(&nothing)).await.expect(201);

    // The same for a retry, and for what was dropped.
    let task = api.create(&carla, &json!({"prompt": "a heart", "init_image": square})).await;
    let failure = Change::Fail { reason: "no memory".to_owned() };
    api.change(&task, failure, &easel_domain::identity::Identity::worker("w")).await;
    let retry = format!("/v1/tasks/{}/retry", task.id);
    let refused = api.call(&carla, "POST", &retry, &json!({"mask": wide})).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "mask");
    api.call(&carla, "POST", &retry, &json!({"mask": mask})).await.expect(200);
    let workflow = &api.services.workflow;
    let dropped = json!({"prompt": "a dropped heart", "init_image": square, "mask": wide}).to_string();
    workflow.gallery.write("uploads/carla/a.json", dropped.into_bytes(), "application/json").await.expect("written");
    let taken = workflow.take_upload("uploads/carla/a.json", Timestamp::now()).await.expect("taken");
    let easel_storage::uploads::Upload::Task(id) = taken else { panic!("{taken:?}") };
    let failed = workflow.store.task(id).await.expect("the task");
    let failure = failed.attempt.failure.as_ref().map(|failure| failure.reason.as_str());
    assert!(failure.is_some_and(|reason| reason.contains("mask: is ")), "{failed:?}");
}

/// Width and height of a PNG file.
fn image_size(file: &[u8]) -> (u32, u32) {
    let side = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
    (side(16), side(20))
}
