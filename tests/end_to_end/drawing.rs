//! A drawing that people watch, call off, pause.

use easel_test_support::person::{changes, hashes, id, status};
use easel_test_support::service::{Service, Who};
use easel_test_support::task_requests::{long, small, unique, with};
use serde_json::json;

#[tokio::test]
async fn progress_is_shown_with_a_preview() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    // Long enough for a slow emulator to be asked in between, however fast the worker is.
    let id = creator.create(with(long(&unique("progress"), 100, 1), json!({"count": 4}))).await;
    let first = creator.wait_for_step(&id, 1).await;
    assert_eq!((status(&first), &first["progress"]["total"]), ("in_progress", &json!(100)));
    let step = first["progress"]["step"].as_u64().expect("a step");
    let later = creator.wait_for_step(&id, step + 1).await;
    let preview = later["progress"]["preview"].as_str().expect("a preview");
    assert!(preview.starts_with("data:image/jpeg;base64,/9j/"), "{preview}");
    assert!(later["progress"]["remaining_seconds"].as_f64().is_some_and(|left| left > 0.0), "{later:#}");
    assert_eq!(later["version"], first["version"], "progress is no change of the task");
    creator.wait(&id, "awaiting_approval").await;
}

#[tokio::test]
async fn a_cancelled_drawing_stops() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let tag = unique("cancelling");
    let long_id = creator.create(long(&tag, 150, 1)).await;
    creator.wait_for_step(&long_id, 1).await;
    let cancelled = creator.make("cancel", &long_id, json!({"reason": "a mistake"})).await.expect(200);
    assert_eq!((status(&cancelled), &cancelled["progress"]), ("cancelled", &json!(null)));
    assert_eq!(
        (&cancelled["cancellation"]["by"], &cancelled["cancellation"]["note"]),
        (&json!(creator.name), &json!("a mistake"))
    );

    // The worker is free again, and has left nothing of the cancelled task.
    creator.draw(small(&tag)).await;
    let after = creator.task(&long_id).await;
    assert_eq!((&after["version"], status(&after)), (&cancelled["version"], "cancelled"));
    assert_eq!(changes(&creator.history(&long_id).await), ["create", "claim", "cancel"]);
    assert_eq!(service.storage().keys(&format!("images/{long_id}/")).await, [""; 0]);
}

#[tokio::test]
async fn a_paused_drawing_goes_on_where_it_was_and_gives_the_same_image() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let tag = unique("pausing");
    let undisturbed = creator.draw(long(&tag, 100, 11)).await;

    let paused_id = creator.create(long(&tag, 100, 11)).await;
    creator.wait_for_step(&paused_id, 2).await;
    let paused = creator.make("pause", &paused_id, json!({})).await.expect(200);
    assert_eq!((status(&paused), &paused["next_moves"]), ("paused", &json!(["resume", "cancel", "delete"])));
    // Meanwhile the worker does other things.
    creator.draw(small(&tag)).await;
    assert_eq!(status(&creator.task(&paused_id).await), "paused");

    let resumed = creator.make("resume", &paused_id, json!({})).await.expect(200);
    assert_eq!(status(&resumed), "pending");
    let drawn = creator.wait(&paused_id, "awaiting_approval").await;
    assert_eq!(hashes(&drawn["attempt"]), hashes(&undisturbed["attempt"]));
    assert_eq!(drawn["attempt"]["number"], 1);
    let history = creator.history(&paused_id).await;
    assert_eq!(changes(&history), ["create", "claim", "pause", "resume", "claim", "finish"]);
    assert!(history[4]["details"]["step"].as_u64().is_some_and(|step| step >= 2), "it began anew: {:#}", history[4]);
}

#[tokio::test]
async fn a_waiting_task_can_be_paused_and_resumed_at_once() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let tag = unique("waiting");
    let first = creator.create(long(&tag, 40, 3)).await;
    let waiting = creator.create(long(&tag, 40, 4)).await;
    creator.make("pause", &waiting, json!({})).await.expect(200);
    creator.make("resume", &waiting, json!({})).await.expect(200);
    creator.make("cancel", &first, json!({})).await.expect(200);
    let drawn = creator.wait(&waiting, "awaiting_approval").await;
    assert_eq!(id(&drawn), waiting);
    // Where several workers draw, a free one may have begun before the pause.
    let history = creator.history(&waiting).await;
    let mut changes = changes(&history);
    if changes[1] == "claim" {
        changes.remove(1);
    }
    assert_eq!(changes, ["create", "pause", "resume", "claim", "finish"]);
}

#[tokio::test]
async fn an_image_that_is_there_already_stays() {
    let service = Service::shared();
    let creator = service.person(Who::Creator);
    let tag = unique("there");
    let other = creator.draw(small(&tag)).await;
    let file = creator.download(&other["attempt"]["images"][0]["url"]).await;
    let id = creator.create(long(&tag, 100, 9)).await;
    // As a worker leaves it that dies before it can say so; another image, so that they can be told apart.
    service.storage().put(&format!("images/{id}/1-0.png"), file.clone()).await;
    let drawn = creator.wait(&id, "awaiting_approval").await;
    assert_eq!(hashes(&drawn["attempt"]), hashes(&other["attempt"]));
    assert_eq!(creator.download(&drawn["attempt"]["images"][0]["url"]).await, file);
}
