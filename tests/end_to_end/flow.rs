//! From a prompt to a published image, and the ways around.

use easel_test_support::person::{changes, hashes, id, status};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{small, unique, with};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[tokio::test]
async fn an_image_goes_from_the_prompt_to_publication() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let order = json!({
        "prompt": "a small red square on a white background",
        "negative_prompt": "noise",
        "width": 96,
        "height": 64,
        "steps": 3,
        "guidance_scale": 4.5,
        "guidance_interval": [0.25, 1.0],
        "scheduler": "dpmpp_2m",
        "seed": 9_007_199_254_740_993_u64,
        "count": 2,
        "title": "A square",
        "tags": [unique("flow"), "square"],
        "metadata": {"for": "the cover"},
    });
    let answer = creator.post("/v1/tasks", &order).await;
    let location = answer.header("location").to_owned();
    assert_eq!(answer.header("etag"), "\"1\"");
    let made = answer.expect(201);
    let id = id(&made);
    assert_eq!(location, format!("/v1/tasks/{id}"));
    for field in ["title", "tags", "metadata"] {
        assert_eq!(made[field], order[field]);
    }
    for field in [
        "prompt",
        "negative_prompt",
        "width",
        "height",
        "steps",
        "guidance_scale",
        "guidance_interval",
        "scheduler",
        "seed",
        "count",
    ] {
        assert_eq!(made["attempt"]["settings"][field], order[field], "{field}");
    }
    assert_eq!((status(&made), &made["owner"], &made["version"]), ("pending", &json!(creator.name), &json!(1)));

    let drawn = creator.wait(&id, "awaiting_approval").await;
    assert_eq!(drawn["progress"], json!(null));
    assert_eq!(drawn["next_moves"], json!(["cancel", "delete"]));
    let generation = &drawn["attempt"]["generation"];
    assert_eq!((&generation["steps"], &generation["scheduler"]), (&json!(3), &json!("dpmpp_2m")));
    let images = drawn["attempt"]["images"].as_array().expect("images");
    assert_eq!(images.len(), 2);
    let mut files = Vec::new();
    for (index, image) in images.iter().enumerate() {
        assert_eq!(image["index"], index);
        assert_eq!(image["seed"], 9_007_199_254_740_993 + index as u64);
        let bytes = creator.download(&image["url"]).await;
        let shown = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).expect("a PNG");
        assert_eq!((shown.width(), shown.height()), (96, 64));
        assert_eq!((&image["width"], &image["height"]), (&json!(96), &json!(64)));
        assert_eq!(image["bytes"], bytes.len());
        assert_eq!(image["sha256"], hash(&bytes));
        let small = creator.download(&image["thumbnail_url"]).await;
        let small = image::load_from_memory_with_format(&small, image::ImageFormat::Jpeg).expect("a JPEG");
        assert!(small.width() > small.height() && small.width() <= 256, "{small:?}");
        files.push(bytes);
    }
    assert_ne!(files[0], files[1], "each image has a seed of its own");

    // Of lifecycle rules, only those may take an image that look for this tag.
    let storage = service.storage();
    let made = storage.keys(&format!("images/{id}/")).await;
    assert_eq!(made.len(), 4, "{made:?}");
    for key in &made {
        assert_eq!(storage.tags(key).await, ["approved=no"], "{key}");
    }

    let reviewed = reviewer.task(&id).await;
    assert_eq!(reviewed["next_moves"], json!(["cancel", "approve", "reject"]));
    let approved = reviewer.make("approve", &id, json!({"note": "as asked for"})).await.expect(200);
    assert_eq!(status(&approved), "approved");
    assert_eq!(
        (&approved["approval"]["by"], &approved["approval"]["note"]),
        (&json!(reviewer.name), &json!("as asked for"))
    );
    assert_eq!(hashes(&approved["attempt"]), hashes(&drawn["attempt"]));
    for key in &made {
        assert_eq!(storage.tags(key).await, [""; 0], "{key}");
    }

    let answer = reviewer.make("publish", &id, json!({})).await;
    let tag = answer.header("etag").to_owned();
    let published = answer.expect(200);
    assert_eq!((status(&published), &published["publication"]["by"]), ("published", &json!(reviewer.name)));
    let keys: Vec<_> =
        published["publication"]["keys"].as_array().expect("keys").iter().filter_map(Value::as_str).collect();
    assert_eq!(keys, [format!("published/{id}/5-0.png"), format!("published/{id}/5-1.png")]);
    for (key, file) in keys.iter().zip(&files) {
        assert_eq!(storage.get(key).await.as_ref(), Some(file), "{key}");
    }
    let again = reviewer.make("publish", &id, json!({})).await;
    assert_eq!(again.header("etag"), tag, "publishing again changes nothing");
    again.expect(200);

    let history = creator.history(&id).await;
    assert_eq!(changes(&history), ["create", "claim", "finish", "approve", "publish"]);
    let states: Vec<_> = history.iter().map(|event| (event["from"].as_str(), event["to"].as_str())).collect();
    let names = ["pending", "in_progress", "awaiting_approval", "approved", "published"].map(Some);
    assert_eq!(states, [None].into_iter().chain(names).zip(names).collect::<Vec<_>>());
    let roles: Vec<_> = history.iter().map(|event| event["by"]["role"].as_str().expect("a role")).collect();
    assert_eq!(roles, ["creator", "worker", "worker", "reviewer", "reviewer"]);
    assert_eq!(history[0]["by"]["name"], json!(creator.name));
    assert_eq!((&history[3]["by"]["name"], &history[3]["reason"]), (&json!(reviewer.name), &json!("as asked for")));
}

#[tokio::test]
async fn of_several_images_only_those_are_published_that_were_approved() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let mut request = small(&unique("some"));
    request["count"] = json!(4);
    let drawn = creator.draw(request).await;
    let id = id(&drawn);
    for images in [json!([]), json!([4]), json!([0, 0]), json!([8]), json!(["a"]), json!(2)] {
        let refused = reviewer.make("approve", &id, json!({ "images": images })).await;
        let problem = refused.expect_problem(422, "invalid-fields");
        assert_eq!(problem["errors"][0]["field"], "images", "{problem:#}");
    }
    let approved = reviewer.make("approve", &id, json!({"images": [2, 0], "note": "these"})).await.expect(200);
    assert_eq!((&approved["approval"]["images"], &approved["approval"]["note"]), (&json!([0, 2]), &json!("these")));
    assert_eq!(approved["attempt"]["images"].as_array().map(Vec::len), Some(4), "the others stay with the task");
    let published = reviewer.make("publish", &id, json!({})).await.expect(200);
    let keys = [format!("published/{id}/5-0.png"), format!("published/{id}/5-2.png")];
    assert_eq!(published["publication"]["keys"], json!(keys));
    let storage = service.storage();
    assert_eq!(storage.keys(&format!("published/{id}/")).await, keys);
    let hashes = hashes(&drawn["attempt"]);
    for (key, index) in keys.iter().zip([0, 2]) {
        assert_eq!(hash(&storage.get(key).await.expect("it is public")), hashes[index], "{key}");
    }
    let history = creator.history(&id).await;
    assert_eq!(history[3]["details"]["images"], json!([0, 2]));
}

#[tokio::test]
async fn a_rejected_task_is_drawn_again_and_keeps_its_first_attempt() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let first = creator.draw(small(&unique("retry"))).await;
    let id = id(&first);
    let rejected = reviewer.make("reject", &id, json!({"reason": "too small a circle"})).await.expect(200);
    assert_eq!(
        (status(&rejected), &rejected["attempt"]["rejection"]["note"]),
        ("rejected", &json!("too small a circle"))
    );

    let retried = creator.make("retry", &id, json!({"seed": 8, "steps": 2})).await.expect(200);
    assert_eq!((status(&retried), &retried["attempt"]["number"]), ("pending", &json!(2)));
    let second = creator.wait(&id, "awaiting_approval").await;
    let settings = &second["attempt"]["settings"];
    assert_eq!((&settings["seed"], &settings["steps"], &settings["width"]), (&json!(8), &json!(2), &json!(64)));
    assert_ne!(hashes(&second["attempt"]), hashes(&first["attempt"]));

    let earlier = &second["earlier_attempts"][0];
    assert_eq!((&earlier["number"], &earlier["settings"]), (&json!(1), &first["attempt"]["settings"]));
    assert_eq!(earlier["rejection"]["by"], json!(reviewer.name));
    assert_eq!(hashes(earlier), hashes(&first["attempt"]));
    let bytes = creator.download(&earlier["images"][0]["url"]).await;
    assert_eq!([hash(&bytes)], hashes(&first["attempt"])[..]);

    // A seed that is left out is drawn anew.
    reviewer.make("reject", &id, json!({"reason": "still too small"})).await.expect(200);
    let third = creator.make("retry", &id, json!({})).await.expect(200);
    assert_ne!(third["attempt"]["settings"]["seed"], json!(8));
    creator.wait(&id, "awaiting_approval").await;
    let history = creator.history(&id).await;
    let once = ["claim", "finish", "reject", "retry"];
    assert_eq!(changes(&history), [&["create"], &once[..], &once, &once[..2]].concat());
}

#[tokio::test]
async fn the_same_order_draws_the_same_image() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let order = with(small(&unique("seed")), json!({"steps": 2, "seed": 4_294_967_297_u64}));
    let (one, other) = tokio::join!(creator.draw(order.clone()), creator.draw(order.clone()));
    assert_eq!(hashes(&one["attempt"]), hashes(&other["attempt"]));
    let different = creator.draw(with(order, json!({"seed": 1}))).await;
    assert_ne!(hashes(&one["attempt"]), hashes(&different["attempt"]));

    // Left out, it is drawn, stored and enough to draw the image again.
    let mut order = small(&unique("seed"));
    order.as_object_mut().expect("an object").remove("seed");
    let drawn = creator.draw(order.clone()).await;
    let seed = &drawn["attempt"]["settings"]["seed"];
    let again = creator.draw(with(order, json!({"seed": seed}))).await;
    assert_eq!(hashes(&again["attempt"]), hashes(&drawn["attempt"]));
}

#[tokio::test]
async fn a_deleted_task_leaves_the_lists_and_says_who_asked() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let tag = unique("deletion");
    let drawn = creator.draw(small(&tag)).await;
    let id = id(&drawn);
    assert_eq!(creator.list(&format!("tag={tag}"), 10).await, [id.as_str()]);

    let deleted = creator.delete(&id).await.expect(202);
    assert_eq!((status(&deleted), &deleted["deletion"]["by"]), ("deleted", &json!(creator.name)));
    let after: jiff::Timestamp = deleted["deletion"]["after"].as_str().expect("a time").parse().expect("a time");
    let at: jiff::Timestamp = deleted["deletion"]["at"].as_str().expect("a time").parse().expect("a time");
    assert!(after.duration_since(at) > jiff::SignedDuration::from_hours(1), "there is a grace period: {deleted:#}");
    assert_eq!(deleted["next_moves"], json!(["reopen"]));

    for person in [&creator, &reviewer] {
        assert_eq!(person.list(&format!("tag={tag}"), 10).await, [""; 0]);
        assert_eq!(person.list(&format!("tag={tag}&status=deleted"), 10).await, [id.as_str()]);
    }
    let kept = creator.task(&id).await;
    assert_eq!(hashes(&kept["attempt"]), hashes(&drawn["attempt"]));
    reviewer.make("approve", &id, json!({})).await.expect_problem(409, "illegal-move");
    let last = creator.history(&id).await.pop().expect("events");
    assert_eq!((&last["change"], &last["by"]["name"]), (&json!("delete"), &json!(creator.name)));
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
