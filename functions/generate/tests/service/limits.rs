//! How much may be asked for, and how much may wait.

use easel_domain::Error::{Invalid, TooMany};
use easel_domain::TaskRequest;
use easel_domain::limits::{Limits, pixel_evaluations};
use easel_domain::task::{Change, Move, Status, Task};
use easel_storage::workflow::Workflow;
use easel_storage::{Error, Result};
use easel_worker::worker::{DeliveryOutcome, Worker, WorkerOptions};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{TestServices, creator, delivery, engine, heart};

fn limited(services: &TestServices, limits: Limits) -> Workflow {
    let mut workflow = services.workflow.clone();
    workflow.store = workflow.store.with_limits(limits);
    workflow
}

async fn order(workflow: &Workflow, order: Value) -> Result<Task> {
    let Value::Object(object) = order else { panic!("an object") };
    workflow.create(TaskRequest::read(object).expect("a request"), &creator(), None).await.map(|made| made.task)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_more_waiting_than_is_allowed_and_what_is_called_off_makes_room() {
    let services = TestServices::start().await;
    let workflow = limited(&services, Limits { max_waiting: 3, ..Limits::default() });
    let mut ids = Vec::new();
    for seed in 0..3 {
        ids.push(order(&workflow, heart(seed)).await.expect("created").id);
    }
    let refused = order(&workflow, heart(4)).await;
    assert!(matches!(&refused, Err(Error::Domain(TooMany { what, .. })) if what.contains("3 tasks")), "{refused:?}");
    assert_eq!(services.all(Status::Pending).await.len(), 3);
    // Neither is a way around it.
    workflow.move_task(ids[0], Move::Pause, &creator(), None, |_| Ok(Change::Pause)).await.expect("paused");
    order(&workflow, heart(5)).await.expect("there is room");
    let resumed = workflow.move_task(ids[0], Move::Resume, &creator(), None, |_| Ok(Change::Resume)).await;
    assert!(matches!(&resumed, Err(Error::Domain(TooMany { .. }))), "{resumed:?}");
    let cancel = Change::Cancel { reason: None };
    workflow.move_task(ids[1], Move::Cancel, &creator(), None, |_| Ok(cancel.clone())).await.expect("cancelled");
    workflow.move_task(ids[0], Move::Resume, &creator(), None, |_| Ok(Change::Resume)).await.expect("resumed");

    let [owner] = workflow.store.owners().await.expect("owners").try_into().expect("one owner");
    let work: u64 =
        services.all(Status::Pending).await.iter().map(|task| pixel_evaluations(&task.attempt.settings)).sum();
    assert_eq!((owner.waiting, owner.work.unsigned_abs()), (3, work));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_waits_is_limited_too_but_one_order_always_fits() {
    let services = TestServices::start().await;
    let workflow = limited(&services, Limits { max_waiting_work: 0.7, ..Limits::default() });
    // 128 × 128 × 2 × 20 are 0.66 megapixel-evaluations.
    let id = order(&workflow, heart(1)).await.expect("created").id;
    let refused = order(&workflow, heart(2)).await;
    assert!(matches!(&refused, Err(Error::Domain(TooMany { .. }))), "{refused:?}");
    let cancel = Change::Cancel { reason: None };
    workflow.move_task(id, Move::Cancel, &creator(), None, |_| Ok(cancel.clone())).await.expect("cancelled");
    let mut large = heart(3);
    large["count"] = json!(8);
    order(&workflow, large).await.expect("created");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_too_much_work_is_refused_and_a_file_that_asks_for_it_fails() {
    let services = TestServices::start().await;
    let workflow = limited(&services, Limits { max_work: 0.5, ..Limits::default() });
    let Err(Error::Domain(Invalid(errors))) = order(&workflow, heart(1)).await else { panic!("it is too much") };
    assert_eq!(errors[0].field, "steps");
    assert!(services.is_quiet().await);
    workflow.gallery.write("uploads/a.json", heart(1).to_string().into(), "application/json").await.expect("written");
    let worker = Worker::new(workflow, engine(), WorkerOptions::new("one"));
    assert_eq!(worker.handle(&delivery(services.message().await)).await, DeliveryOutcome::Done);
    let reason = services.only(Status::Failed).await.attempt.failure.expect("a reason").reason;
    assert!(reason.contains("megapixel-evaluations"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_noted_down_is_counted_and_drawn() {
    let services = TestServices::start().await;
    let id = services.order(&heart(1)).await.id;
    let message = services.message().await;
    let client = services.dynamodb.client();
    let key = |partition: &str, sort: &str| {
        [("PK", partition), ("SK", sort)]
            .map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned())))
    };
    // As a table is that was written before there were such rows.
    for (partition, sort) in [("WAITING", "carla".to_owned()), ("WAITING#carla", id.to_string())] {
        let delete = client.delete_item().table_name("easel").set_key(Some(key(partition, &sort).into()));
        delete.send().await.expect("deleted");
    }
    assert_eq!(services.workflow.store.next_waiting(1).await.expect("an answer"), None);
    services.workflow.reconcile(Timestamp::now()).await.expect("reconciled");
    let [owner] = services.workflow.store.owners().await.expect("owners").try_into().expect("one owner");
    assert_eq!((owner.name.as_str(), owner.waiting), ("carla", 1));
    let wrong = client.update_item().table_name("easel").set_key(Some(key("WAITING", "carla").into()));
    let wrong = wrong.update_expression("SET waiting = :seven");
    let seven = aws_sdk_dynamodb::types::AttributeValue::N("7".to_owned());
    wrong.expression_attribute_values(":seven", seven).send().await.expect("updated");
    services.workflow.reconcile(Timestamp::now()).await.expect("reconciled");
    let [owner] = services.workflow.store.owners().await.expect("owners").try_into().expect("one owner");
    assert_eq!(owner.waiting, 1);
    assert_eq!(services.worker("one").handle(&delivery(message)).await, DeliveryOutcome::Done);
    assert_eq!(services.task(id).await.status, Status::AwaitingApproval);
    // Who has had nothing for a day is forgotten.
    let later = Timestamp::now() + jiff::SignedDuration::from_hours(25);
    services.workflow.reconcile(later).await.expect("reconciled");
    assert_eq!(services.workflow.store.owners().await.expect("owners"), []);
}
