//! Images that are enlarged: after they are drawn, or as they are.

use easel_domain::task::Status;
use easel_storage::gallery::keys;
use easel_worker::worker::DeliveryOutcome;
use image::imageops::{FilterType, resize};
use image::load_from_memory;
use serde_json::json;

use crate::support::{TestServices, delivery, heart};

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_enlarged_by_a_child_as_it_is() {
    let services = TestServices::start().await;
    let source = services.order(&heart(7)).await.id;
    let worker = services.worker("one");
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let drawn = services.images(&services.task(source).await).await.remove(0);

    let order = json!({
        "prompt": "a large red heart on a blue background", "seed": 7, "init_image": format!("task:{source}/0"),
        "strength": 0, "upscaler": "lanczos", "upscale": 2.5,
    });
    let child = services.order(&order).await;
    let copy = child.attempt.settings.init_image.clone().expect("a copy");
    assert_eq!(keys::origin(&copy).map(|origin| (origin.task, origin.attempt, origin.index)), Some((source, 1, 0)));
    // The copy is no message of its own.
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let child = services.task(child.id).await;
    assert_eq!((child.status, child.attempt.images.len()), (Status::AwaitingApproval, 1));
    let image = &child.attempt.images[0];
    assert_eq!((image.width, image.height), (320, 320));
    let report = child.attempt.generation.clone().expect("a report");
    assert_eq!((report.steps, report.width, report.refined), (0, 320, false));
    let file = services.images(&child).await.remove(0);
    let expected = resize(&load_from_memory(&drawn).expect("an image").to_rgb8(), 320, 320, FilterType::Lanczos3);
    assert!(load_from_memory(&file).expect("an image").to_rgb8() == expected, "nothing else of it changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_drawn_is_enlarged_afterwards() {
    let services = TestServices::start().await;
    let drawn = services.undisturbed(&heart(7)).await.remove(0);
    let mut order = heart(7);
    (order["upscaler"], order["count"]) = (json!("lanczos"), json!(2));
    let enlarged = services.undisturbed(&order).await;
    let expected = resize(&load_from_memory(&drawn).expect("an image").to_rgb8(), 256, 256, FilterType::Lanczos3);
    assert!(load_from_memory(&enlarged[0]).expect("an image").to_rgb8() == expected);
    assert_eq!(load_from_memory(&enlarged[1]).expect("an image").width(), 256);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_too_large_is_said_with_its_field() {
    let services = TestServices::start().await;
    let worker = services.worker("one");
    let key = format!("{}text.png", keys::inputs_of("carla"));
    services.workflow.gallery.write(&key, b"no image".to_vec(), "image/png").await.expect("written");
    let too_large = format!("{}large.png", keys::inputs_of("carla"));
    let mut bytes = Vec::new();
    let large = image::RgbImage::new(2_000, 64);
    large.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).expect("encoded");
    services.workflow.gallery.write(&too_large, bytes, "image/png").await.expect("written");
    for (order, words) in [
        (json!({"prompt": "a", "init_image": too_large, "mask": key}), "mask: "),
        (json!({"prompt": "a", "init_image": key}), "init_image: "),
        (json!({"prompt": "a", "controls": [{"model": "depth", "image": key}]}), "there is no control model `depth`"),
        (json!({"prompt": "a", "image_adapter": "plus", "image_prompts": [key]}), "there is no image adapter `plus`"),
        (json!({"prompt": "a", "upscaler": "esrgan"}), "there is no upscaler `esrgan`"),
        (
            json!({"prompt": "a", "init_image": too_large, "strength": 0, "upscaler": "lanczos", "upscale": 5}),
            "upscale: 5 makes 10000×320 pixels",
        ),
    ] {
        let task = services.order(&order).await;
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        let task = services.task(task.id).await;
        let reason = task.attempt.failure.map(|failure| failure.reason).unwrap_or_default();
        assert!(task.status == Status::Failed && reason.contains(words), "{words}: {reason}");
    }
}
