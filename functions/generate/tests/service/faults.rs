//! Workers that die and services that fail.

use std::time::{Duration, SystemTime};

use easel_domain::task::{Change, Status};
use easel_storage::gallery::keys;
use easel_worker::worker::{Deadline, Delivery, DeliveryOutcome, WorkerOptions};
use serde_json::Value;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::{TestServices, delivery, heart, slow_heart};

/// For how long a service is away.
const AWAY: Duration = Duration::from_secs(3);

/// Lets a worker die in the middle of a task.
async fn die_generating(services: &TestServices, options: WorkerOptions, message: &Delivery, id: Uuid) {
    let (worker, message) = (services.worker_with(options), message.clone());
    let work = tokio::spawn(async move { worker.handle(&message).await });
    services.until_begun(id).await;
    let checkpoint = keys::checkpoint(id, 1);
    while services.bytes(&checkpoint).await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    work.abort();
    assert!(work.await.expect_err("it died").is_cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_worker_drew_is_gone_on_with_when_its_lease_is_over() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(8)).await;
    let id = services.order(&slow_heart(8)).await.id;
    let message = delivery(services.message().await);
    let lease = Duration::from_secs(2);
    die_generating(&services, WorkerOptions { lease, ..WorkerOptions::new("dead") }, &message, id).await;

    let next = services.worker("next");
    let DeliveryOutcome::HandBack { after, .. } = next.handle(&message).await else { panic!("the lease is not over") };
    assert!(after <= lease + Duration::from_secs(1), "{after:?}");
    tokio::time::sleep(after).await;
    assert_eq!(next.handle(&message).await, DeliveryOutcome::Done);
    let task = services.task(id).await;
    let claim = task.attempt.claim.as_ref().expect("a claim");
    assert!(claim.worker == "next" && claim.step > 0 && claim.tries == 1, "{claim:?}");
    assert_eq!(services.images(&task).await, expected);
    assert_eq!(services.moves(id).await, ["create", "claim", "claim", "finish"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_back_to_life_waits_for_no_lease() {
    let services = TestServices::start().await;
    let id = services.order(&slow_heart(8)).await.id;
    let message = delivery(services.message().await);
    die_generating(&services, WorkerOptions::new("the same"), &message, id).await;
    assert_eq!(services.worker("the same").handle(&message).await, DeliveryOutcome::Done);
    assert_eq!(services.task(id).await.status, Status::AwaitingApproval);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_workers_die_of_is_given_up() {
    let services = TestServices::start().await;
    let id = services.order(&heart(8)).await.id;
    let message = delivery(services.message().await);
    let store = &services.workflow.store;
    let mut task = services.task(id).await;
    for worker in 0..5 {
        let claim = Change::Claim { worker: format!("worker {worker}"), step: 0, used: Vec::new() };
        let by = easel_domain::identity::Identity::worker("test");
        let (claimed, event) = task.after(claim, &by, jiff::Timestamp::now()).expect("a claim");
        store.save(&claimed, &event).await.expect("saved");
        task = claimed;
    }
    assert_eq!(services.worker("careful").handle(&message).await, DeliveryOutcome::Done);
    let reason = services.task(id).await.attempt.failure.expect("a reason").reason;
    assert!(reason.contains("5 workers stopped at step 0"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_is_of_no_use_is_not_used() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&heart(9)).await;
    let id = services.order(&heart(9)).await.id;
    let damaged = b"EASELCKP and nothing else".to_vec();
    let key = keys::checkpoint(id, 1);
    services.workflow.gallery.write(&key, damaged, "application/octet-stream").await.expect("written");
    assert_eq!(services.worker("one").handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    assert_eq!(services.images(&services.task(id).await).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_may_be_away_for_a_while() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(8)).await;
    let (id, work) = begin(&services, &slow_heart(8)).await;
    services.dynamodb.stop().await;
    tokio::time::sleep(AWAY).await;
    services.dynamodb.start_again().await;
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    check(&services, id, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_may_be_away_for_a_while() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(8)).await;
    let (id, work) = begin(&services, &slow_heart(8)).await;
    services.s3.stop().await;
    // Until all steps are done and only the image is left to write.
    until_last_step(&services, id).await;
    tokio::time::sleep(AWAY).await;
    services.s3.start_again().await;
    assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
    check(&services, id, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_before_a_worker_has_to_end_is_done_again_later() {
    let services = TestServices::start().await;
    let expected = services.undisturbed(&slow_heart(8)).await;
    let id = services.order(&slow_heart(8)).await.id;
    let message = delivery(services.message().await);
    let impatient = WorkerOptions { patience: Duration::ZERO, ..WorkerOptions::new("impatient") };
    let worker = services.worker_with(impatient);
    let work = {
        let (worker, message) = (worker.clone(), message.clone());
        tokio::spawn(async move { worker.handle(&message).await })
    };
    services.until_begun(id).await;
    services.s3.stop().await;
    message.stop.cancel();
    let outcome = work.await.expect("no panic");
    assert!(matches!(outcome, DeliveryOutcome::HandBack { after: Duration::ZERO, .. }), "{outcome:?}");
    // It is put down, and that is not held against it.
    assert_eq!(services.moves(id).await, ["create", "claim", "hand_on"]);
    services.s3.start_again().await;
    assert_eq!(worker.handle(&delivery(message.body.clone())).await, DeliveryOutcome::Done);
    check(&services, id, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_before_the_first_read_is_waited_for_and_burns_no_delivery() {
    for dynamodb in [true, false] {
        let services = TestServices::start().await;
        let id = services.order(&heart(8)).await.id;
        let message = delivery(services.message().await);
        if dynamodb {
            services.dynamodb.stop().await
        } else {
            services.s3.stop().await
        }
        let worker = services.worker("patient");
        let work = tokio::spawn(async move { worker.handle(&message).await });
        tokio::time::sleep(AWAY).await;
        assert!(!work.is_finished(), "it waits");
        if dynamodb {
            services.dynamodb.start_again().await
        } else {
            services.s3.start_again().await
        }
        assert_eq!(work.await.expect("no panic"), DeliveryOutcome::Done);
        assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_deadline_gives_the_message_back_for_long_and_the_task_is_well() {
    let services = TestServices::start().await;
    let id = services.order(&heart(8)).await.id;
    let deadline = Deadline::at(SystemTime::now() + Duration::from_secs(4));
    let message = Delivery { deadline, ..delivery(services.message().await) };
    services.dynamodb.stop().await;
    let outcome = services.worker("on Lambda").handle(&message).await;
    let DeliveryOutcome::HandBack { after, reason } = outcome else { panic!("{outcome:?}") };
    assert!(after >= Duration::from_secs(300) && reason.contains("DynamoDB"), "{after:?} {reason}");
    services.dynamodb.start_again().await;
    assert_eq!(services.worker("one").handle(&delivery(message.body)).await, DeliveryOutcome::Done);
    assert_eq!(services.moves(id).await, ["create", "claim", "finish"]);
}

/// A task that a worker has begun to generate.
async fn begin(services: &TestServices, order: &Value) -> (Uuid, JoinHandle<DeliveryOutcome>) {
    let id = services.order(order).await.id;
    let message = delivery(services.message().await);
    let worker = services.worker("patient");
    let work = tokio::spawn(async move { worker.handle(&message).await });
    services.until_begun(id).await;
    (id, work)
}

async fn until_last_step(services: &TestServices, id: Uuid) {
    loop {
        let (_, progress) = services.workflow.store.task_and_progress(id).await.expect("the task is there");
        if progress.is_some_and(|progress| progress.step == progress.total) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nothing is lost.
async fn check(services: &TestServices, id: Uuid, expected: Vec<Vec<u8>>) {
    let task = services.task(id).await;
    assert_eq!(task.status, Status::AwaitingApproval);
    assert_eq!(services.images(&task).await, expected);
}
