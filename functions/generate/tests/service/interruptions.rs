//! Interrupted generations, which give the same images as undisturbed ones.

use std::time::{Duration, SystemTime};

use easel_domain::task::Move;
use easel_domain::task::{Change, Status};
use easel_storage::gallery::keys;
use easel_worker::worker::{Deadline, Delivery, DeliveryOutcome, WorkerOptions};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestServices, creator, delivery, heart, input, slow_heart};

/// Time for one step of each worker and no more.
fn hasty(name: &str) -> (WorkerOptions, Deadline) {
    let options = WorkerOptions { margin: Duration::from_secs(7200), ..WorkerOptions::new(name) };
    (options, Deadline::at(SystemTime::now() + Duration::from_secs(3600)))
}

/// Generates `order`, each step by another worker; the task and how many workers it took.
async fn handed_on_after_every_step(services: &TestServices, order: &Value) -> (Uuid, usize) {
    let id = services.order(order).await.id;
    let mut workers = 0;
    while services.task(id).await.status != Status::AwaitingApproval {
        let (options, deadline) = hasty(&format!("worker {workers}"));
        let message = Delivery { deadline, ..delivery(services.message().await) };
        assert_eq!(services.worker_with(options).handle(&message).await, DeliveryOutcome::Done);
        workers += 1;
    }
    (id, workers)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_image_of_a_handed_on_generation_is_what_its_own_seed_gives() {
    let services = TestServices::start().await;
    let init = services.undisturbed(&heart(1)).await.remove(0);
    services.workflow.gallery.write(&input("init.png"), init, "image/png").await.expect("written");
    let mut order = heart(11);
    order["scheduler"] = json!("euler_a");
    for from_image in [false, true] {
        if from_image {
            order["init_image"] = json!(input("init.png"));
            order["strength"] = json!(0.5);
        }
        order["count"] = json!(3);
        let (id, workers) = handed_on_after_every_step(&services, &order).await;
        assert!(workers > 10, "{workers}");
        let task = services.task(id).await;
        let files = services.images(&task).await;
        order["count"] = json!(1);
        for (file, image) in files.into_iter().zip(&task.attempt.images) {
            order["seed"] = json!(image.seed);
            assert!(services.undisturbed(&order).await == [file], "image {} is another alone", image.index);
        }
        order["seed"] = json!(11);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_handed_on_after_every_step_is_the_same() {
    let services = TestServices::start().await;
    for scheduler in ["euler_a", "dpmpp_2m_sde_karras", "heun"] {
        let mut order = heart(11);
        order["scheduler"] = json!(scheduler);
        order["count"] = json!(2);
        let expected = services.undisturbed(&order).await;
        let (id, workers) = handed_on_after_every_step(&services, &order).await;
        assert!(workers > 20, "{workers}");
        let task = services.task(id).await;
        assert_eq!(services.images(&task).await, expected, "{scheduler}");
        assert!(services.is_quiet().await);
        assert_eq!(services.bytes(&keys::checkpoint(id, 1)).await, None);
        for event in services.workflow.store.history(id).await.expect("a history") {
            if let Change::HandOn { reason, .. } = event.change {
                assert!(reason.contains("are left to the worker"), "{reason}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_hands_on() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(5)).await;
    let id = services.order(&slow_heart(5)).await.id;
    let message = delivery(services.message().await);
    let stop = message.stop.clone();
    let worker = services.worker("stopped");
    let work = tokio::spawn(async move { worker.handle(&message).await });
    services.until_begun(id).await;
    stop.cancel();
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await, ["create", "claim", "hand_on"]);

    let message = delivery(services.message().await);
    assert_eq!(services.worker("next").handle(&message).await, DeliveryOutcome::Done);
    let task = services.task(id).await;
    assert!(task.attempt.claim.as_ref().is_some_and(|claim| claim.step > 0));
    assert_eq!(services.images(&task).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_gets_another_title_while_it_is_generated_is_neither_lost_nor_begun_anew() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(5)).await;
    let id = services.order(&slow_heart(5)).await.id;
    let relabel = async |title: &str| {
        let title = Some(title.to_owned());
        let change = Change::Relabel { title, tags: vec!["red".to_owned()], approvals_needed: 1 };
        let change = |_: &_| Ok(change.clone());
        services.workflow.move_task(id, Move::Relabel, &creator(), None, change).await.expect("relabelled");
    };

    // The heartbeat sees it, and what the worker hands on to is as it is called by then.
    let options = WorkerOptions { check_every: Duration::from_millis(20), ..WorkerOptions::new("stopped") };
    let message = delivery(services.message().await);
    let stop = message.stop.clone();
    let worker = services.worker_with(options.clone());
    let work = tokio::spawn(async move { worker.handle(&message).await });
    services.until_begun(id).await;
    relabel("A heart").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await, ["create", "claim", "relabel", "hand_on"]);

    let message = delivery(services.message().await);
    let worker = services.worker_with(options);
    let work = tokio::spawn(async move { worker.handle(&message).await });
    // What the first one did is seen until the next one has claimed the task.
    while services.task(id).await.status == Status::Pending {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    services.until_begun(id).await;
    relabel("A slow heart").await;
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    let moves = ["create", "claim", "relabel", "hand_on", "claim", "relabel", "finish"];
    assert_eq!(services.moves(id).await, moves);
    let task = services.task(id).await;
    assert_eq!((task.title.as_deref(), &task.tags), (Some("A slow heart"), &vec!["red".to_owned()]));
    assert_eq!(services.images(&task).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_task_is_not_generated_further() {
    let services = TestServices::start().await;
    let id = services.order(&slow_heart(5)).await.id;
    let message = delivery(services.message().await);
    let worker = services.worker("one");
    let work = tokio::spawn(async move { worker.handle(&message).await });
    services.until_begun(id).await;
    let cancel = |_: &_| Ok(Change::Cancel { reason: None });
    services.workflow.move_task(id, Move::Cancel, &creator(), None, cancel).await.expect("cancelled");
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    let (task, progress) = services.workflow.store.task_and_progress(id).await.expect("the task is there");
    assert_eq!(task.status, Status::Cancelled);
    let progress = progress.expect("progress");
    assert!(progress.step < progress.total, "{} of {}", progress.step, progress.total);
    assert_eq!(services.bytes(&keys::image(id, 1, 0)).await, None);
    assert_eq!(services.bytes(&keys::checkpoint(id, 1)).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_task_goes_on_where_it_was() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(6)).await;
    let id = services.order(&slow_heart(6)).await.id;
    let message = delivery(services.message().await);
    let worker = services.worker("one");
    let work = tokio::spawn(async move { worker.handle(&message).await });
    services.until_begun(id).await;
    services.workflow.move_task(id, Move::Pause, &creator(), None, |_| Ok(Change::Pause)).await.expect("paused");
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    assert_eq!(services.task(id).await.status, Status::Paused);
    assert!(services.bytes(&keys::checkpoint(id, 1)).await.is_some());
    assert!(services.is_quiet().await);

    services.workflow.move_task(id, Move::Resume, &creator(), None, |_| Ok(Change::Resume)).await.expect("resumed");
    let message = delivery(services.message().await);
    assert_eq!(services.worker("other").handle(&message).await, DeliveryOutcome::Done);
    let task = services.task(id).await;
    assert!(task.attempt.claim.as_ref().is_some_and(|claim| claim.step > 0));
    assert_eq!(services.images(&task).await, expected);
    assert_eq!(services.moves(id).await, ["create", "claim", "pause", "resume", "claim", "finish"]);
}
