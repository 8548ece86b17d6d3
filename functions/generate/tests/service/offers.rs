//! What a service offers by name: models that take turns, files that are known again, and those that are gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Move, Status, Task, UsedKind};
use easel_model::DevicePreference;
use easel_models::offers::{NamedModel, OfferKind};
use easel_storage::offers::Offers;
use easel_worker::engine::{Engine, EngineOptions};
use easel_worker::worker::{DeliveryOutcome, Worker, WorkerOptions};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TestServices, creator, delivery, engine, heart, slow_heart};

/// A folder with these files, each of which holds its own name.
fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in names {
        std::fs::write(folder.path().join(name), name).expect("written");
    }
    folder
}

impl TestServices {
    /// A worker with an engine of its own.
    fn worker_offering(&self, options: EngineOptions) -> Worker {
        let options = EngineOptions { device: DevicePreference::Flex, ..options };
        let engine = Engine::open(&options).expect("an engine");
        Worker::new(self.workflow.clone(), Arc::new(engine), WorkerOptions::new("offering"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_drawn_with_the_model_that_it_names() {
    let services = TestServices::start().await;
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/demo/base");
    let named = |name: &str| NamedModel { name: name.to_owned(), model: demo.clone() };
    let models = vec![named("first"), named("second")];
    let worker = services.worker_offering(EngineOptions { models, ..EngineOptions::default() });
    worker.offer().await;
    let offers = Offers::of(&services.workflow.store.offers().await.expect("offers"), Timestamp::now());
    assert_eq!(offers.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    let mut digests = Vec::new();
    for (asked, drawn) in [(None, "first"), (Some("second"), "second"), (None, "first"), (Some("second"), "second")] {
        let mut order = heart(5);
        (order["steps"], order["model"]) = (json!(2), json!(asked));
        let task = services.order(&order).await;
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        let task = services.task(task.id).await;
        assert_eq!(task.status, Status::AwaitingApproval, "{:?}", task.attempt.failure);
        let [model] = &task.attempt.used[..] else { panic!("{:?}", task.attempt.used) };
        assert_eq!((model.kind, model.name.as_str()), (UsedKind::Model, drawn));
        assert_eq!(task.attempt.generation.as_ref().map(|report| report.model.as_str()), Some(drawn));
        let metadata = String::from_utf8_lossy(&services.images(&task).await[0]).into_owned();
        assert!(metadata.contains(&format!("\"model\":\"{drawn}\"")), "the image says what drew it");
        digests.push(model.digest.clone());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "the same files by two names");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_offered_is_refused_at_every_door() {
    let services = TestServices::start().await;
    let mut order = heart(5);
    order["loras"] = json!([{"name": "ink"}]);
    // Nobody knows yet what is offered: the worker does.
    let task = services.order(&order).await;
    let loras = folder(&["pen.safetensors"]);
    let options = with_loras(loras.path());
    let worker = services.worker_offering(options);
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let task = services.task(task.id).await;
    let reason = task.attempt.failure.expect("it has failed").reason;
    assert_eq!((task.status, reason.as_str()), (Status::Failed, "there is no LoRA `ink`: there are pen"));
    assert_eq!(services.moves(task.id).await, ["create", "fail"]);

    worker.offer().await;
    services
        .workflow
        .gallery
        .write("uploads/alice/a.json", order.to_string().into_bytes(), "text/plain")
        .await
        .expect("written");
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let dropped = services.all(Status::Failed).await.into_iter().find(|task| task.owner == "alice").expect("a task");
    let reason = dropped.attempt.failure.expect("it has failed").reason;
    assert_eq!(reason, "loras[0].name: there is no LoRA `ink`: there are pen");
    assert!(services.is_quiet().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_replaced_or_is_gone_is_noticed() {
    let services = TestServices::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str| {
        std::fs::copy(demo_loras().join(name), folder.path().join("ink.safetensors")).expect("copied");
    };
    put("kohya.safetensors");
    let worker = services.worker_offering(with_loras(folder.path()));
    let mut order = with_lora(heart(5), "ink", 0.5);
    order["steps"] = json!(2);
    let id = services.order(&order).await.id;
    let draw = async |status| {
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        let task = services.task(id).await;
        assert_eq!(task.status, status, "{:?}", task.attempt.failure);
        task
    };
    let reason = |task: Task| task.attempt.failure.expect("a reason").reason;
    let make = async |action, by: &Identity, change: Change| {
        services.workflow.move_task(id, action, by, None, |_| Ok(change.clone())).await.expect("moved")
    };
    let (carla, robin) = (creator(), Identity::new("robin", Role::Reviewer));
    let first = draw(Status::AwaitingApproval).await;
    assert_eq!(first.attempt.used.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["demo", "ink"]);
    let drawn = services.images(&first).await;
    make(
        Move::Reject,
        &robin,
        Change::Reject { reason: "too dark".to_owned(), notes: Vec::new(), regions: Vec::new() },
    )
    .await;

    put("peft.safetensors");
    let settings = Box::new(first.attempt.settings.clone());
    make(Move::Retry, &carla, Change::Retry { settings }).await;
    let said = reason(draw(Status::Failed).await);
    assert!(said.starts_with("the LoRA `ink` has been replaced since this task was first drawn with it"), "{said}");

    std::fs::remove_file(folder.path().join("ink.safetensors")).expect("removed");
    make(Move::Retry, &carla, Change::Redrive).await;
    assert_eq!(reason(draw(Status::Failed).await), "there is no LoRA `ink`: no LoRAs are offered");

    std::fs::write(folder.path().join("ink.safetensors"), "no LoRA").expect("written");
    let other = services.order(&order).await.id;
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let said = reason(services.task(other).await);
    assert!(said.starts_with("loras: `ink`: ") && !said.contains(folder.path().to_str().expect("a path")), "{said}");

    // As it was: the same file is the same file, whenever it was written.
    put("kohya.safetensors");
    make(Move::Retry, &carla, Change::Redrive).await;
    let again = draw(Status::AwaitingApproval).await;
    assert_eq!(again.attempt.used[1], first.attempt.used[1]);
    assert_eq!(services.images(&again).await, drawn);
}

/// The LoRAs of the model's own tests.
fn demo_loras() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../model/tests/data/adapters/files/lora")
}

/// A worker's options with these LoRAs.
fn offering<const COUNT: usize>(places: [(OfferKind, &Path); COUNT]) -> EngineOptions {
    let offered = places.into_iter().map(|(kind, place)| (kind, place.to_owned())).collect();
    EngineOptions { offered, ..EngineOptions::default() }
}

fn with_loras(loras: &Path) -> EngineOptions {
    offering([(OfferKind::Lora, loras)])
}

/// An order of a heart with this LoRA.
fn with_lora(mut order: Value, name: &str, weight: f64) -> Value {
    order["loras"] = json!([{"name": name, "weight": weight}]);
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_with_other_loras_and_without_take_turns_on_one_worker() {
    let services = TestServices::start().await;
    let worker = services.worker_offering(with_loras(&demo_loras()));
    let mut short = heart(5);
    (short["steps"], short["width"], short["height"]) = (json!(3), json!(64), json!(64));
    let orders = [with_lora(short.clone(), "kohya", 0.8), short.clone(), with_lora(short.clone(), "peft", 1.0)];
    let mut drawn: Vec<Vec<u8>> = Vec::new();
    for order in orders.iter().chain(&orders) {
        let task = services.order(order).await;
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        let task = services.task(task.id).await;
        assert_eq!(task.status, Status::AwaitingApproval, "{:?}", task.attempt.failure);
        assert_eq!(task.attempt.used.len(), 1 + order["loras"].as_array().map_or(0, Vec::len));
        drawn.push(services.images(&task).await.remove(0));
    }
    // The same order gives the same file, whatever was drawn in between.
    assert_eq!(drawn[..3], drawn[3..]);
    assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
    // Without a LoRA, it is what a worker that never had one draws.
    assert_eq!(services.undisturbed(&short).await[0], drawn[1]);
    let metadata = String::from_utf8_lossy(&drawn[0]).into_owned();
    assert!(metadata.contains("<lora:kohya:0.8>") && metadata.contains("\"weights\":\"0.8\""), "the image says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_continues_an_image_uses_the_same_lora_or_refuses() {
    let services = TestServices::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("style.safetensors");
    std::fs::copy(demo_loras().join("kohya.safetensors"), &place).expect("copied");
    let order = with_lora(slow_heart(6), "style", 0.9);
    let expected = {
        let worker = services.worker_offering(with_loras(folder.path()));
        let task = services.order(&order).await;
        assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        services.images(&services.task(task.id).await).await
    };
    for replaced in [false, true] {
        let task = services.order(&order).await;
        let message = delivery(services.message().await);
        let worker = Arc::new(services.worker_offering(with_loras(folder.path())));
        let (stop, its_worker, its_message) = (message.stop.clone(), worker.clone(), message.clone());
        let drawing = tokio::spawn(async move { its_worker.handle(&its_message).await });
        services.until_begun(task.id).await;
        stop.cancel();
        drawing.await.expect("no panic");
        assert_eq!(services.task(task.id).await.status, Status::Pending);
        if replaced {
            std::fs::copy(demo_loras().join("peft.safetensors"), &place).expect("copied");
        }
        let other = services.worker_offering(with_loras(folder.path()));
        assert_eq!(other.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
        let task = services.task(task.id).await;
        if replaced {
            let reason = task.attempt.failure.expect("a reason").reason;
            assert!(reason.starts_with("the LoRA `style` has been replaced"), "{reason}");
        } else {
            assert_eq!(services.images(&task).await, expected);
            assert!(task.attempt.claim.is_some_and(|claim| claim.step > 0), "it went on from a checkpoint");
        }
    }
    // A new task uses the new file.
    let worker = services.worker_offering(with_loras(folder.path()));
    let task = services.order(&order).await;
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    assert_ne!(services.images(&services.task(task.id).await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_into_a_folder_is_offered_without_a_restart() {
    let services = TestServices::start().await;
    let (loras, embeddings) = (folder(&["pen.safetensors"]), folder(&["hands.pt", "notes.txt"]));
    let controls = folder(&["pose.safetensors"]);
    std::fs::create_dir(controls.path().join("depth")).expect("a folder");
    std::fs::write(controls.path().join("depth/config.json"), "{}").expect("written");
    let worker = services.worker_offering(offering([
        (OfferKind::Lora, loras.path()),
        (OfferKind::Embedding, embeddings.path()),
        (OfferKind::Control, controls.path()),
    ]));
    let names = async || {
        worker.offer().await;
        let offers = Offers::of(&services.workflow.store.offers().await.expect("offers"), Timestamp::now());
        let names =
            |offers: &[easel_storage::offers::Offer]| offers.iter().map(|offer| offer.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&offers.controls), ["depth", "pose"]);
        (names(&offers.loras), names(&offers.embeddings))
    };
    assert_eq!(names().await, (vec!["pen".to_owned()], vec!["hands".to_owned()]));
    std::fs::write(loras.path().join("ink.safetensors"), "ink").expect("written");
    std::fs::remove_file(embeddings.path().join("hands.pt")).expect("removed");
    assert_eq!(names().await, (vec!["ink".to_owned(), "pen".to_owned()], Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_offers_is_no_reason_to_stop() {
    let services = TestServices::start().await;
    let mut order = heart(5);
    order["model"] = json!("another");
    let task = services.order(&order).await;
    let worker = Worker::new(services.workflow.clone(), engine(), WorkerOptions::new("one"));
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let reason = services.task(task.id).await.attempt.failure.expect("a reason").reason;
    assert_eq!(reason, "there is no model `another`: there are demo");
}
