//! What is taken back is there as it was, whatever happens at the same moment.

use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Move, Status, Task};
use easel_storage::Error;
use easel_storage::gallery::keys;
use easel_storage::workflow::Workflow;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::support::{TestServices, reviewer};

const ROUNDS: u64 = 40;

fn carla() -> Identity {
    Identity::new("carla", Role::Creator)
}

fn ada() -> Identity {
    Identity::new("ada", Role::Admin)
}

async fn reopen(workflow: &Workflow, id: Uuid, by: &Identity) -> Result<Task, Error> {
    let change = |_: &Task| Ok(Change::Reopen { reason: "a mistake".to_owned() });
    workflow.move_task(id, Move::Reopen, by, None, change).await
}

async fn delete(workflow: &Workflow, id: Uuid, after: Timestamp) -> Task {
    let change = |_: &Task| Ok(Change::Delete { after });
    workflow.move_task(id, Move::Delete, &ada(), None, change).await.expect("deleted")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waited_waits_again_with_a_message_and_its_work_is_counted() {
    let services = TestServices::start().await;
    let workflow = &services.workflow;
    let task = services.pending("carla").await;
    let cancel = |_: &Task| Ok(Change::Cancel { reason: None });
    workflow.move_task(task.id, Move::Cancel, &carla(), None, cancel).await.expect("cancelled");
    assert!(workflow.store.tasks_waiting("carla", None).await.expect("an answer").is_empty());
    workflow.gallery.remove(&keys::request(task.id)).await.expect("S3 answers");

    let again = reopen(workflow, task.id, &carla()).await.expect("it was hers to cancel");
    assert_eq!((again.status, &again.cancellation, again.version), (Status::Pending, &None, 3));
    let waiting = workflow.store.tasks_waiting("carla", None).await.expect("an answer");
    assert_eq!(waiting.iter().map(|waiting| waiting.task).collect::<Vec<_>>(), [task.id]);
    assert_eq!(services.keys(&keys::request(task.id)).await.len(), 1, "workers are told");
    assert_eq!(workflow.store.next_waiting(1).await.expect("an answer").map(|task| task.id), Some(task.id));
    let history = workflow.store.history(task.id).await.expect("a history");
    assert_eq!(Task::replay(&history), Some(again));
    assert_eq!(workflow.store.counts().await.expect("counters")[&Status::Pending], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_task_that_was_deleted_comes_back_approved_and_is_not_purged() {
    let services = TestServices::start().await;
    let (workflow, robin) = (&services.workflow, reviewer("robin"));
    let id = services.approved("carla", 2).await.id;
    let publish = |task: &Task| Ok(Change::Publish { publication: Workflow::publication(task, &robin) });
    workflow.move_task(id, Move::Publish, &robin, None, publish).await.expect("published");
    let after = Timestamp::now() + SignedDuration::from_hours(1);
    delete(workflow, id, after).await;

    let owner = reopen(workflow, id, &carla()).await.expect_err("an admin deleted it");
    assert!(matches!(owner, Error::Domain(easel_domain::Error::Forbidden(_))), "{owner}");
    let restored = reopen(workflow, id, &robin).await.expect("restored");
    assert_eq!((restored.status, &restored.deletion, &restored.publication), (Status::Approved, &None, &None));
    assert_eq!(workflow.purge_deleted(after + SignedDuration::from_hours(1)).await.expect("nothing is due"), 0);
    let images = services.keys(&keys::images(id)).await;
    assert_eq!(images.len(), 4, "{images:?}");
    let published = workflow.move_task(id, Move::Publish, &robin, None, publish).await.expect("published again");
    assert_eq!(services.keys(&keys::all_published(id)).await.len(), 2);
    assert_eq!(Task::replay(&workflow.store.history(id).await.expect("a history")), Some(published));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_restored_or_purged_but_never_in_part() {
    let services = TestServices::start().await;
    let (workflow, robin) = (&services.workflow, reviewer("robin"));
    let (mut restored, mut purged) = (0, 0);
    for round in 0..ROUNDS {
        let id = services.approved("carla", 1).await.id;
        let after = Timestamp::now() + SignedDuration::from_hours(1);
        delete(workflow, id, after).await;
        // Its grace period is not over for who restores it, and is for who purges it.
        let (purging, pause) = (workflow.clone(), std::time::Duration::from_micros(round * 400));
        let purge = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            purging.purge_deleted(after).await
        });
        let reopened = reopen(workflow, id, &robin).await;
        purge.await.expect("no panic").expect("purged or not");
        let images = services.keys(&keys::images(id)).await.len();
        match reopened {
            Ok(_) => {
                assert_eq!(workflow.store.task(id).await.expect("it is there").status, Status::Approved);
                assert_eq!(images, 2, "round {round}: its images are there, too");
                let history = workflow.store.history(id).await.expect("a history");
                assert!(Task::replay(&history).is_some(), "round {round}: nothing of it is erased");
                restored += 1;
            }
            Err(Error::Domain(easel_domain::Error::NotFound(_)) | Error::Contended) => {
                assert!(workflow.store.find(id).await.expect("an answer").is_none());
                assert_eq!(images, 0, "round {round}");
                purged += 1;
            }
            Err(other) => panic!("round {round}: {other}"),
        }
    }
    println!("{restored} restored, {purged} purged");
    assert!(restored > 0, "the race has two ends");
}
