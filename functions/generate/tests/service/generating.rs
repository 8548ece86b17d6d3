//! From a request to images that await approval.

use std::path::Path;
use std::sync::Arc;

use easel_domain::task::Status;
use easel_model::DevicePreference;
use easel_storage::gallery::{DrawRequest, keys};
use easel_worker::engine::{Engine, EngineOptions};
use easel_worker::worker::{Delivery, DeliveryOutcome, Worker, WorkerOptions};
use serde_json::json;
use uuid::Uuid;

use crate::support::{TestServices, delivery, heart, input};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_images_that_wait_for_approval() {
    let services = TestServices::start().await;
    let mut order = heart(7);
    order["count"] = json!(2);
    let id = services.order(&order).await.id;
    let message = services.message().await;
    assert_eq!(services.worker("one").handle(&delivery(message)).await, DeliveryOutcome::Done);

    let task = services.task(id).await;
    assert_eq!(task.status, Status::AwaitingApproval);
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
    let files = services.images(&task).await;
    assert_eq!(files.len(), 2);
    assert_ne!(files[0], files[1]);
    for (index, (file, image)) in (0..).zip(files.iter().zip(&task.attempt.images)) {
        let decoded = image::load_from_memory(file).expect("an image");
        assert_eq!((decoded.width(), decoded.height()), (128, 128));
        assert_eq!((image.index, image.width, image.height), (index, 128, 128));
        assert_eq!(image.seed, 7 + u64::from(index));
        let thumbnail = services.bytes(&image.thumbnail_key).await.expect("a thumbnail");
        assert_eq!(image::load_from_memory(&thumbnail).expect("an image").width(), 128);
        // The file says nothing about the task.
        assert!(!file.windows(36).any(|window| window == id.to_string().as_bytes()));
    }
    let report = task.attempt.generation.expect("a report");
    assert_eq!((report.model.as_str(), report.device.as_str(), report.steps), ("demo", "cpu", 20));
    assert_eq!((report.width, report.height, report.refined), (128, 128, true));
    assert!(report.step_seconds > 0.0 && report.drawing_seconds > report.step_seconds && report.queue_seconds >= 0.0);

    let (_, progress) = services.workflow.store.task_and_progress(id).await.expect("the task is there");
    let progress = progress.expect("progress");
    assert_eq!(progress.step, progress.total);
    let preview = image::load_from_memory(&progress.preview.expect("a preview")).expect("an image");
    assert_eq!((preview.width(), preview.height()), (2 * 16, 16), "both images, side by side");
    assert_eq!(services.bytes(&keys::checkpoint(id, 1)).await, None);
    let worker = services.workflow.store.workers().await.expect("DynamoDB answers").remove(0);
    assert_eq!((worker.worker.as_str(), worker.model.as_str(), worker.sdxl_available), ("one", "demo", true));
    for (seed, file) in (7..).zip(files) {
        assert!(services.undisturbed(&heart(seed)).await == [file], "the image of seed {seed} is another alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tiny_vae_makes_larger_previews() {
    let services = TestServices::start().await;
    let id = services.order(&heart(7)).await.id;
    let message = services.message().await;
    let tiny_vae = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/tests/reference/tiny_vae");
    let options =
        EngineOptions { device: DevicePreference::Flex, tiny_vae: Some(tiny_vae), ..EngineOptions::default() };
    let engine = Arc::new(Engine::open(&options).expect("the demo model and the tiny VAE"));
    let worker = Worker::new(services.workflow.clone(), engine, WorkerOptions::new("tiny"));
    assert_eq!(worker.handle(&delivery(message)).await, DeliveryOutcome::Done);

    let (task, progress) = services.workflow.store.task_and_progress(id).await.expect("the task is there");
    assert_eq!(task.status, Status::AwaitingApproval);
    let preview = progress.and_then(|progress| progress.preview).expect("a preview");
    assert_eq!(image::load_from_memory(&preview).expect("an image").width(), 32);
    assert_ne!(services.images(&task).await, services.undisturbed(&heart(7)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_settings_give_the_same_file() {
    let services = TestServices::start().await;
    let (one, other) = (services.undisturbed(&heart(3)).await, services.undisturbed(&heart(3)).await);
    assert_eq!(one, other);
    assert_ne!(one, services.undisturbed(&heart(4)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_delivered_three_times_generates_once() {
    let services = TestServices::start().await;
    let id = services.order(&heart(1)).await.id;
    let message = services.message().await;
    let worker = services.worker("one");
    for count in 1..=3 {
        let again = Delivery { count, ..delivery(message.clone()) };
        assert_eq!(worker.handle(&again).await, DeliveryOutcome::Done);
    }
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_with_the_same_message_generate_once() {
    let services = TestServices::start().await;
    let id = services.order(&heart(1)).await.id;
    let delivery = delivery(services.message().await);
    let (one, other) = (services.worker("one"), services.worker("other"));
    let outcomes = <[DeliveryOutcome; 2]>::from(tokio::join!(one.handle(&delivery), other.handle(&delivery)));
    assert!(outcomes.contains(&DeliveryOutcome::Done), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, DeliveryOutcome::HandBack { .. })), "{outcomes:?}");
    assert_eq!(other.handle(&delivery).await, DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_its_move_and_is_dropped_if_there_never_is_one() {
    let services = TestServices::start().await;
    let request = DrawRequest { task: Uuid::now_v7(), version: 1 };
    services.workflow.gallery.request_drawing(request).await.expect("written");
    let message = services.message().await;
    let worker = services.worker("one");
    let early = worker.handle(&delivery(message.clone())).await;
    assert!(matches!(early, DeliveryOutcome::HandBack { .. }), "{early:?}");
    assert_eq!(worker.handle(&Delivery { count: 3, ..delivery(message) }).await, DeliveryOutcome::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_generated_fails_with_the_reason() {
    let services = TestServices::start().await;
    let worker = services.worker("one");
    let (broken, gone) = (input("broken.png"), input("gone.png"));
    services.workflow.gallery.write(&broken, b"no image".to_vec(), "image/png").await.expect("written");
    let with = |name: &str, value: serde_json::Value| {
        let mut order = heart(1);
        order[name] = value;
        order
    };
    for (order, words) in [
        (with("init_image", json!(broken)), ["init_image", "is not a PNG"]),
        (with("init_image", json!(gone)), ["init_image", "nothing was uploaded"]),
        (with("high_noise_frac", json!(0)), ["high_noise_frac", "image to start from"]),
    ] {
        let small = b"x".to_vec();
        services.workflow.gallery.write(&gone, small, "image/png").await.expect("written");
        let id = services.order(&order).await.id;
        services.workflow.gallery.remove(&gone).await.expect("removed");
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        let task = services.task(id).await;
        assert_eq!(task.status, Status::Failed);
        let reason = task.attempt.failure.expect("a reason").reason;
        assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_asks_for_nothing_is_done_with_and_one_that_cannot_be_read_is_given_up() {
    let services = TestServices::start().await;
    let worker = services.worker("one");
    let test = r#"{"Event": "s3:TestEvent"}"#;
    assert_eq!(worker.handle(&delivery(test.to_owned())).await, DeliveryOutcome::Done);
    for body in ["", "{}", "[1, 2", r#"{"housekeeping": true}"#] {
        let outcome = worker.handle(&delivery(body.to_owned())).await;
        assert!(matches!(outcome, DeliveryOutcome::HandBack { .. }), "{body}: {outcome:?}");
        assert_eq!(worker.dead_letter(&delivery(body.to_owned())).await, DeliveryOutcome::Done, "{body}");
    }
    services.workflow.gallery.write("requests/x.json", b"{".to_vec(), "application/json").await.expect("written");
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_given_up_is_written_again() {
    let services = TestServices::start().await;
    let id = services.order(&heart(1)).await.id;
    let message = services.message().await;
    let worker = services.worker("one");
    assert_eq!(worker.dead_letter(&delivery(message.clone())).await, DeliveryOutcome::Done);
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    assert_eq!(worker.dead_letter(&delivery(message)).await, DeliveryOutcome::Done);
    assert!(services.is_quiet().await, "nothing waits that a message is for");
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
}
