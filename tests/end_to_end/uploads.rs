//! Files that people and programs drop into the bucket.

use easel_test_support::person::{Person, hashes, id};
use easel_test_support::service::{Service, Who};
use easel_test_support::storage::Storage;
use easel_test_support::task_requests::{small, unique, with};
use easel_test_support::waiting::eventually;
use serde_json::{Value, json};

use crate::init_image::image;

/// The task that the file under `key` was made into.
pub(crate) async fn task_of(person: &Person, key: &str) -> Value {
    eventually(&format!("a task of {key}"), || async { tasks_of(person, key).await.pop() }).await
}

/// The newest tasks of the file under `key`.
pub(crate) async fn tasks_of(person: &Person, key: &str) -> Vec<Value> {
    let owner = key.split('/').nth(1).expect("a folder");
    let page = person.get(&format!("/v1/tasks?owner={owner}&limit=100")).await.expect(200);
    page["tasks"].as_array().expect("tasks").iter().filter(|task| task["source"] == key).cloned().collect()
}

/// A key in the creator's folder.
fn key(creator: &Person, extension: &str) -> String {
    format!("uploads/{}/{}.{extension}", creator.name, unique("file"))
}

/// Drops a file and waits for its images.
async fn drawn(storage: &Storage, creator: &Person, key: &str, bytes: Vec<u8>) -> Value {
    storage.put(key, bytes).await;
    let task = task_of(creator, key).await;
    assert_eq!(task["owner"], json!(creator.name), "the folder says whose it is");
    creator.wait(&id(&task), "awaiting_approval").await
}

#[tokio::test]
async fn a_text_is_a_prompt() {
    let service = Service::shared();
    let (creator, reviewer) = service.people();
    let key = key(&creator, "txt");
    let task = drawn(&service.storage(), &creator, &key, b"a small red heart\n".to_vec()).await;
    assert_eq!(task["attempt"]["settings"]["prompt"], "a small red heart");
    assert_eq!(hashes(&task["attempt"]).len(), 1);
    let history = creator.history(&id(&task)).await;
    assert_eq!((&history[0]["by"]["role"], &history[0]["details"]["source"]), (&json!("worker"), &json!(key)));
    // From here on it is a task like any other.
    let approved = reviewer.make("approve", &id(&task), json!({})).await.expect(200);
    assert_eq!(approved["approval"]["by"], json!(reviewer.name));
}

#[tokio::test]
async fn a_json_file_is_an_order() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let tag = unique("dropped");
    let order = with(small(&tag), json!({"title": "From a file", "count": 2, "metadata": {"campaign": "spring"}}));
    let task = drawn(&service.storage(), &creator, &key(&creator, "json"), order.to_string().into_bytes()).await;
    for field in ["title", "tags", "metadata"] {
        assert_eq!(task[field], order[field]);
    }
    assert_eq!(task["attempt"]["settings"]["seed"], order["seed"]);
    assert_eq!(hashes(&task["attempt"]).len(), 2);
    // The same order through the other door draws the same images.
    let asked = creator.draw(order).await;
    assert_eq!(hashes(&asked["attempt"]), hashes(&task["attempt"]));
}

#[tokio::test]
async fn an_image_is_drawn_on_as_its_metadata_says() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let key = key(&creator, "png");
    let metadata =
        [("prompt", "a blue square"), ("strength", "0.5"), ("steps", "4"), ("seed", "5"), ("camera", "none")];
    service.storage().put_with(&key, image(64), &metadata).await;
    let task = task_of(&creator, &key).await;
    let drawn = creator.wait(&id(&task), "awaiting_approval").await;
    let settings = &drawn["attempt"]["settings"];
    assert_eq!((&settings["prompt"], &settings["init_image"]), (&json!("a blue square"), &json!(key)));
    assert_eq!((&settings["strength"], &settings["steps"], &settings["seed"]), (&json!(0.5), &json!(4), &json!(5)));
}

#[tokio::test]
async fn an_image_and_its_sidecar_make_one_task_in_either_order() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let storage = service.storage();
    let wish = json!({"prompt": "a green square", "strength": 0.5, "steps": 4, "seed": 6}).to_string();
    let mut seen = Vec::new();
    for (suffix, image_first) in [(".png.json", true), (".png.json", false), (".json", true)] {
        let name = format!("uploads/{}/{}", creator.name, unique("pair"));
        let (image_key, sidecar) = (format!("{name}.png"), format!("{name}{suffix}"));
        if image_first {
            storage.put(&image_key, image(64)).await;
            storage.put(&sidecar, wish.clone()).await;
        } else {
            storage.put(&sidecar, wish.clone()).await;
            storage.put(&image_key, image(64)).await;
        }
        let task = task_of(&creator, &image_key).await;
        let drawn = creator.wait(&id(&task), "awaiting_approval").await;
        assert_eq!(drawn["attempt"]["settings"]["prompt"], "a green square");
        assert_eq!(drawn["attempt"]["settings"]["init_image"], json!(image_key));
        let file = creator.download(&drawn["attempt"]["images"][0]["url"]).await;
        let pixels = image::load_from_memory(&file).expect("an image").into_rgb8();
        seen.push((image_key, sidecar, pixels));
    }
    // Whatever was announced before this one has been looked at by now.
    creator.draw(small(&unique("after"))).await;
    for (image_key, sidecar, pixels) in &seen {
        assert_eq!(tasks_of(&creator, image_key).await.len(), 1, "{image_key}");
        assert_eq!(tasks_of(&creator, sidecar).await, [json!(null); 0], "{sidecar}");
        assert!(*pixels == seen[0].2, "the same image and wish draw the same");
    }
}

/// A request with so many fields that nothing has.
fn wrong_fields(count: usize) -> Vec<u8> {
    let fields: Vec<_> = (0..count).map(|number| format!("\"f{number}\":0")).collect();
    format!("{{\"prompt\": \"a\", {}}}", fields.join(",")).into_bytes()
}

#[tokio::test]
async fn files_that_nobody_can_use_say_why() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let storage = service.storage();
    let wrong = json!({"prompt": "", "steps": 0, "colour": "red"}).to_string();
    let mut dropped = Vec::new();
    for (extension, bytes, metadata, words) in [
        ("txt", b"".to_vec(), &[][..], &["empty", "upload it again"][..]),
        ("txt", b" \n ".to_vec(), &[], &["blank"]),
        ("txt", b"\xff\xfe\x00h".to_vec(), &[], &["UTF-8"]),
        ("txt", vec![b'a'; 2001], &[], &["2001", "2000", "shorten"]),
        ("json", b"{\"prompt\": ".to_vec(), &[], &["JSON"]),
        ("json", b"[]".to_vec(), &[], &["object"]),
        ("json", wrong.into_bytes(), &[], &["prompt", "steps", "colour"]),
        ("json", wrong_fields(5_000), &[], &["f0: is not a field", "4980 are not listed"]),
        ("json", wrong_fields(50_000), &[], &["KiB", "limit is 64"]),
        ("txt", vec![b'a'; 20 << 20], &[], &["KiB", "limit is 64"]),
        ("gif", image(64), &[("prompt", "a heart")], &[".txt", ".json", ".png"]),
        ("exe", b"MZ".to_vec(), &[], &[".txt", ".json", ".png"]),
        ("png", image(64), &[("prompt", "a heart"), ("steps", "many")], &["steps"]),
        ("png", b"no image".to_vec(), &[("prompt", "a heart")], &["init_image"]),
        ("jpg", image(64)[..200].to_vec(), &[("prompt", "a heart")], &["init_image"]),
        ("webp", vec![0; 21 << 20], &[("prompt", "a heart")], &["21 MiB", "20", "smaller"]),
        ("png", image(64), &[], &["prompt", "x-amz-meta-prompt"]),
    ] {
        let key = key(&creator, extension);
        storage.put_with(&key, bytes, metadata).await;
        dropped.push((key, words));
    }
    for (key, words) in dropped {
        let id = id(&task_of(&creator, &key).await);
        let failed = eventually(&format!("{key} to be refused"), || async {
            Some(creator.task(&id).await).filter(|task| task["status"] == "failed")
        })
        .await;
        let reason = failed["attempt"]["failure"]["reason"].as_str().expect("a reason");
        assert!(words.iter().all(|word| reason.contains(word)), "{key}: {reason}");
        assert_eq!(failed["owner"], json!(creator.name));
    }
}
