//! Files dropped into the bucket.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use easel_domain::task::{Status, Task};
use easel_worker::worker::{Delivery, DeliveryOutcome};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::json;

use crate::support::{TestServices, delivery, heart};

impl TestServices {
    async fn drop_file(&self, key: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.workflow.gallery.write(key, bytes.into(), "application/octet-stream").await.expect("written");
        self.message().await
    }

    async fn drop_image(&self, key: &str, metadata: &[(&str, &str)]) -> String {
        let put = self.client.put_object().bucket("easel").key(key).body(ByteStream::from(image()));
        let put = metadata.iter().fold(put, |put, (name, value)| put.metadata(*name, *value));
        put.send().await.expect("written");
        self.message().await
    }

    /// The task that the dropped file becomes, generated.
    async fn generated(&self, message: String) -> Task {
        assert_eq!(self.worker("one").handle(&delivery(message)).await, DeliveryOutcome::Done);
        let task = self.only(Status::AwaitingApproval).await;
        assert_eq!(self.images(&task).await.len(), task.attempt.settings.count as usize);
        task
    }

    async fn refused(&self, message: String, count: u32) -> Task {
        assert_eq!(self.worker("one").handle(&Delivery { count, ..delivery(message) }).await, DeliveryOutcome::Done);
        let task = self.only(Status::Failed).await;
        assert_eq!(self.moves(task.id).await, ["create", "fail"]);
        task
    }
}

fn image() -> Vec<u8> {
    let image = RgbImage::from_fn(96, 64, |x, y| Rgb([(2 * x) as u8, (3 * y) as u8, (x + y) as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("encoded");
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_a_prompt_and_announced_again_makes_no_second_task() {
    let services = TestServices::start().await;
    let key = "uploads/alice/a red + blue héart.txt";
    let message = services.drop_file(key, "  a large red heart\n").await;
    let task = services.generated(message.clone()).await;
    assert_eq!(task.attempt.settings.prompt, "a large red heart");
    assert_eq!((task.owner.as_str(), task.source.as_deref()), ("alice", Some(key)));
    for count in 1..=3 {
        let again = Delivery { count, ..delivery(message.clone()) };
        assert_eq!(services.worker("other").handle(&again).await, DeliveryOutcome::Done);
    }
    assert_eq!(services.generated(message).await, task);
    assert_eq!(services.moves(task.id).await, ["create", "claim", "finish"]);
    assert!(services.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_file_is_a_full_request() {
    let services = TestServices::start().await;
    let mut order = heart(21);
    order["title"] = json!("a heart");
    order["count"] = json!(2);
    let task = services.generated(services.drop_file("uploads/order.json", order.to_string()).await).await;
    assert_eq!((task.owner.as_str(), task.title.as_deref()), ("uploads", Some("a heart")));
    assert_eq!((task.attempt.settings.seed, task.attempt.settings.steps), (21, Some(20)));
    // A file asks for the same as a client.
    order["title"] = json!(null);
    assert_eq!(services.undisturbed(&order).await, services.images(&task).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_a_prompt_in_its_metadata_is_started_from() {
    let services = TestServices::start().await;
    let metadata = [("prompt", "a large red heart"), ("strength", "0.5"), ("negative-prompt", "blue"), ("seed", "4")];
    let task = services.generated(services.drop_image("uploads/bob/photo.png", &metadata).await).await;
    let settings = &task.attempt.settings;
    assert_eq!(settings.init_image.as_deref(), Some("uploads/bob/photo.png"));
    assert_eq!((settings.strength, settings.seed, settings.negative_prompt.as_deref()), (Some(0.5), 4, Some("blue")));
    assert_eq!((task.attempt.images[0].width, task.attempt.images[0].height), (96, 64));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_waits_for_its_sidecar() {
    for sidecar in ["uploads/photo.png.json", "uploads/photo.json"] {
        let services = TestServices::start().await;
        let image = services.drop_image("uploads/photo.png", &[]).await;
        let worker = services.worker("one");
        for count in 1..=2 {
            let early = worker.handle(&Delivery { count, ..delivery(image.clone()) }).await;
            assert!(
                matches!(early, DeliveryOutcome::HandBack { after, .. } if after <= Duration::from_secs(6)),
                "{early:?}"
            );
        }
        let order = json!({"prompt": "a large red heart", "strength": 0.5, "seed": 4});
        let said = services.drop_file(sidecar, order.to_string()).await;
        let task = services.generated(said).await;
        assert_eq!(task.attempt.settings.init_image.as_deref(), Some("uploads/photo.png"));
        assert_eq!(worker.handle(&Delivery { count: 3, ..delivery(image) }).await, DeliveryOutcome::Done);
        assert_eq!(services.moves(task.id).await, ["create", "claim", "finish"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_waits_for_its_image() {
    let services = TestServices::start().await;
    let order = json!({"prompt": "a large red heart", "strength": 0.5, "seed": 4});
    let early = services.drop_file("uploads/photo.png.json", order.to_string()).await;
    assert_eq!(services.worker("one").handle(&delivery(early)).await, DeliveryOutcome::Done);
    let task = services.generated(services.drop_image("uploads/photo.png", &[]).await).await;
    assert_eq!(task.attempt.settings.init_image.as_deref(), Some("uploads/photo.png"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_nobody_can_use_fail_with_the_reason() {
    for (key, bytes, count, words) in [
        ("uploads/alice/notes.txt", b"\xFF\xFE\x00h".to_vec(), 1, &["UTF-8"][..]),
        ("uploads/alice/long.txt", vec![b'a'; 2001], 1, &["prompt", "2001"]),
        ("uploads/alice/empty.txt", Vec::new(), 1, &["empty"]),
        (
            "uploads/alice/order.json",
            b"{\"prompt\": 3, \"steps\": 0, \"heart\": 1}".to_vec(),
            1,
            &["prompt", "steps", "heart"],
        ),
        ("uploads/alice/order.json", b"{".to_vec(), 1, &["not JSON"]),
        (
            "uploads/alice/others.json",
            br#"{"prompt": "a", "init_image": "images/1/1-0.png"}"#.to_vec(),
            1,
            &["images/"],
        ),
        ("uploads/alice/heart.gif", b"GIF89a".to_vec(), 1, &[".txt", ".json", ".png"]),
        ("uploads/alice/large.txt", vec![b'a'; (64 << 10) + 1], 1, &["65 KiB", "limit is 64"]),
        ("uploads/alice/large.webp", vec![0; (20 << 20) + 1], 1, &["21 MiB", "limit is 20"]),
        ("uploads/alice/photo.png", image(), 3, &["no prompt", "photo.png.json"]),
    ] {
        let services = TestServices::start().await;
        let message = services.drop_file(key, bytes).await;
        if key.ends_with(".png") {
            // Its sidecar may still come for as long.
            tokio::time::sleep(Duration::from_secs(7)).await;
        }
        let task = services.refused(message.clone(), count).await;
        assert_eq!(task.owner, "alice");
        assert!(key.ends_with(&task.attempt.settings.prompt), "{}", task.attempt.settings.prompt);
        let reason = task.attempt.failure.expect("a reason").reason;
        assert!(words.iter().all(|word| reason.contains(word)), "{key}: {reason}");
        services.refused(message, count).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_beside_an_image_is_said_and_not_tried_again() {
    let services = TestServices::start().await;
    services.drop_file("uploads/alice/photo.png.json", vec![b' '; (64 << 10) + 1]).await;
    let task = services.refused(services.drop_file("uploads/alice/photo.png", image()).await, 1).await;
    let reason = task.attempt.failure.expect("a reason").reason;
    assert!(reason.contains("the file beside the image has 65 KiB, the limit is 64"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_none_fails_with_the_reason() {
    let services = TestServices::start().await;
    services.drop_file("uploads/photo.png.json", r#"{"prompt": "a large red heart"}"#).await;
    let message = services.drop_file("uploads/photo.png", "no image").await;
    assert_eq!(services.worker("one").handle(&delivery(message)).await, DeliveryOutcome::Done);
    let reason = services.only(Status::Failed).await.attempt.failure.expect("a reason").reason;
    assert!(reason.contains("uploads/photo.png") && reason.contains("not a PNG"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_message_was_given_up_becomes_its_task_all_the_same() {
    let services = TestServices::start().await;
    let message = services.drop_file("uploads/heart.txt", "a large red heart").await;
    assert_eq!(services.worker("one").dead_letter(&delivery(message)).await, DeliveryOutcome::Done);
    assert_eq!(services.only(Status::Pending).await.source.as_deref(), Some("uploads/heart.txt"));
    services.generated(services.message().await).await;
    let message = services.drop_file("uploads/heart.gif", "GIF89a").await;
    assert_eq!(services.worker("one").dead_letter(&delivery(message)).await, DeliveryOutcome::Done);
    let reason = services.only(Status::Failed).await.attempt.failure.expect("a reason").reason;
    assert!(reason.contains(".txt"), "{reason}");
}
