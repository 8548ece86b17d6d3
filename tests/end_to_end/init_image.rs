//! Images from images that were uploaded for it.

use std::io::Cursor;

use easel_test_support::person::{Person, hashes, id};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

/// A red square on white, as a PNG file.
pub(crate) fn image(side: u32) -> Vec<u8> {
    let inside = |at: u32| (side / 4..side * 3 / 4).contains(&at);
    let image =
        RgbImage::from_fn(
            side,
            side,
            |x, y| {
                if inside(x) && inside(y) { Rgb([220, 20, 20]) } else { Rgb([255, 255, 255]) }
            },
        );
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, ImageFormat::Png).expect("a PNG");
    file.into_inner()
}

/// Where to upload a PNG file to.
async fn announce(creator: &Person, file: &[u8]) -> Value {
    let announced = json!({"content_type": "image/png", "content_length": file.len()});
    creator.post("/v1/uploads", &announced).await.expect(201)
}

#[tokio::test]
async fn a_drawing_starts_from_an_uploaded_image() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let file = image(64);
    let upload = announce(&creator, &file).await;
    let key = upload["key"].as_str().expect("a key");
    assert_eq!(upload["method"], "PUT");
    assert_eq!(upload["headers"]["content-type"], "image/png");

    let tag = unique("init");
    let from_nothing = with(small(&tag), json!({"steps": 4}));
    let order = with(from_nothing.clone(), json!({"init_image": key, "strength": 0.5}));
    let early = creator.post("/v1/tasks", &order).await.expect_problem(422, "invalid-fields");
    assert_eq!(early["errors"][0]["field"], "init_image", "{early:#}");
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 200);
    assert_eq!(service.storage().get(key).await, Some(file));

    let drawn = creator.draw(order).await;
    assert_eq!(drawn["attempt"]["settings"]["init_image"], key);
    let otherwise = creator.draw(from_nothing).await;
    assert_ne!(hashes(&drawn["attempt"]), hashes(&otherwise["attempt"]));
}

#[tokio::test]
async fn another_attempt_starts_from_an_uploaded_image() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let id = id(&creator.draw(small(&unique("init-retry"))).await);
    reviewer.make("reject", &id, json!({"reason": "more like this one"})).await.expect(200);
    let file = image(64);
    let upload = announce(&creator, &file).await;
    let changed = json!({"init_image": upload["key"], "strength": 0.5, "steps": 4});
    let early = creator.make("retry", &id, changed.clone()).await.expect_problem(422, "invalid-fields");
    assert_eq!(early["errors"][0]["field"], "init_image", "{early:#}");
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 200);
    creator.make("retry", &id, changed).await.expect(200);
    let drawn = creator.wait(&id, "awaiting_approval").await;
    assert_eq!(drawn["attempt"]["settings"]["init_image"], upload["key"]);
    assert_ne!(hashes(&drawn["attempt"]), hashes(&drawn["earlier_attempts"][0]));
}

#[tokio::test]
async fn an_upload_takes_only_what_was_announced() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let file = image(64);
    let upload = announce(&creator, &file).await;
    assert_eq!(creator.upload(&upload, "image/jpeg", &file).await, 403, "another type");
    assert_eq!(creator.upload(&upload, "image/png", &file[1..]).await, 403, "another length");
    assert_eq!(creator.upload(&upload, "image/png", &[&file[..], &file].concat()).await, 403, "far too much");
    assert_eq!(service.storage().get(upload["key"].as_str().expect("a key")).await, None);
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 200);
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 412, "once");
}

#[tokio::test]
async fn nobody_starts_from_an_image_of_others() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    let file = image(64);
    let upload = announce(&creator, &file).await;
    assert_eq!(creator.upload(&upload, "image/png", &file).await, 200);
    let order = with(small(&unique("others")), json!({"init_image": upload["key"]}));
    for who in [Who::OtherCreator, Who::Reviewer, Who::Admin] {
        let refused = service.person(who).post("/v1/tasks", &order).await.expect_problem(422, "invalid-fields");
        assert_eq!(refused["errors"][0]["field"], "init_image", "{refused:#}");
    }
    creator.create(order).await;
}

#[tokio::test]
async fn what_cannot_be_an_image_is_not_announced() {
    let service = Service::without_worker();
    let creator = service.person(Who::Creator);
    for (body, wrong) in [
        (json!({}), &["content_length", "content_type"][..]),
        (json!({"content_type": "image/gif", "content_length": 10}), &["content_type"]),
        (json!({"content_type": "image/png", "content_length": 0}), &["content_length"]),
        (json!({"content_type": "image/png", "content_length": 1_000_000_000}), &["content_length"]),
        (json!({"content_type": "image/png", "content_length": 10, "key": "mine"}), &["key"]),
    ] {
        let problem = creator.post("/v1/uploads", &body).await.expect_problem(422, "invalid-fields");
        let errors = problem["errors"].as_array().expect("errors");
        let mut fields: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        fields.sort_unstable();
        assert_eq!(fields, wrong, "{problem:#}");
    }
}
