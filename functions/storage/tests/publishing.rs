//! Public copies: there while their task is published, and gone when it is not, whatever happens at the same time.

use std::time::Duration;

use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Move, Status, Task};
use easel_storage::gallery::keys;
use easel_storage::workflow::Workflow;
use jiff::{SignedDuration, Timestamp};
use rand_mt::Mt64;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{TestServices, reviewer};

/// How often the moves race.
const ROUNDS: u64 = 150;
const IMAGES: u32 = 2;

/// Makes a move as the API does.
async fn make(workflow: &Workflow, id: Uuid, action: Move, by: &Identity) -> easel_storage::Result<Task> {
    let change = |task: &Task| {
        Ok(match action {
            Move::Publish => Change::Publish { publication: Workflow::publication(task, by) },
            Move::Unpublish => Change::Unpublish { reason: Some("a mistake".to_owned()) },
            _ => Change::Delete { after: Timestamp::now() + SignedDuration::from_hours(1) },
        })
    };
    workflow.move_task(id, action, by, None, change).await
}

/// That only a published task has public copies, and it has all of its own.
async fn check(services: &TestServices, id: Uuid, round: u64) -> Status {
    let task = services.workflow.store.task(id).await.expect("it is there");
    let copies = services.keys(&keys::all_published(id)).await;
    let wanted = task.publication.as_ref().map_or_else(Vec::new, |publication| publication.keys.clone());
    let approved = task.approved_images().count();
    assert_eq!(wanted.len(), if task.status == Status::Published { approved } else { 0 }, "round {round}");
    assert_eq!(copies, wanted, "round {round}: {} at version {}", task.status, task.version);
    task.status
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unpublished_or_deleted_is_gone_when_that_is_answered() {
    let services = TestServices::start().await;
    let (workflow, robin, ada) = (&services.workflow, reviewer("robin"), Identity::new("ada", Role::Admin));
    let id = services.approved("carla", IMAGES).await.id;

    let first = make(workflow, id, Move::Publish, &robin).await.expect("published");
    assert_eq!(check(&services, id, 0).await, Status::Published);
    make(workflow, id, Move::Unpublish, &robin).await.expect("unpublished");
    assert_eq!(check(&services, id, 0).await, Status::Approved);
    let events = workflow.store.history(id).await.expect("a history");
    let (last, before) = (&events[events.len() - 1], &events[events.len() - 2]);
    assert_eq!((last.change.action(), last.change.reason()), (Some(Move::Unpublish), Some("a mistake")));
    let publication = first.publication.expect("it was published");
    assert_eq!(
        before.change,
        Change::Publish { publication: publication.clone() },
        "the history keeps where they were"
    );

    let second = make(workflow, id, Move::Publish, &robin).await.expect("published again");
    assert_ne!(second.publication.map(|publication| publication.keys), Some(publication.keys), "at new addresses");
    make(workflow, id, Move::Delete, &ada).await.expect("deleted");
    assert_eq!(check(&services, id, 0).await, Status::Deleted);
    assert!(!services.keys(&keys::images(id)).await.is_empty(), "the images themselves wait for the grace period");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_publishing_races_only_a_published_task_has_public_copies() {
    let services = TestServices::start().await;
    let mut ends = [0; 3];
    for round in 0..ROUNDS {
        let mut random = Mt64::new(round);
        let some = [None, Some(vec![0]), Some(vec![1])][(random.next_u64() % 3) as usize].clone();
        let id = services.approved_some("carla", IMAGES, some).await.id;
        if random.next_u64().is_multiple_of(2) {
            make(&services.workflow, id, Move::Publish, &reviewer("robin")).await.expect("published");
        }
        // The last of them is now and then interrupted, as by the end of its process.
        let interrupted =
            (random.next_u64().is_multiple_of(3)).then(|| Duration::from_micros(random.next_u64() % 20_000));
        let mut racing = JoinSet::new();
        for place in 0..2 + random.next_u64() % 4 {
            let action = match random.next_u64() % 8 {
                0 => Move::Delete,
                1..4 => Move::Unpublish,
                _ => Move::Publish,
            };
            let (workflow, pause) = (services.workflow.clone(), Duration::from_micros(random.next_u64() % 8_000));
            let limit = interrupted.filter(|_| place == 0 && action == Move::Publish);
            racing.spawn(async move {
                tokio::time::sleep(pause).await;
                let by = Identity::new(format!("person {place}"), Role::Admin);
                let moving = make(&workflow, id, action, &by);
                match limit {
                    Some(limit) => drop(tokio::time::timeout(limit, moving).await),
                    // Whether it is legal depends on the others.
                    None => drop(moving.await),
                }
            });
        }
        racing.join_all().await;
        if interrupted.is_some() {
            let later = Timestamp::now() + SignedDuration::from_hours(2);
            services.workflow.withdraw_orphans(later).await.expect("S3 answers");
        }
        match check(&services, id, round).await {
            Status::Published => ends[0] += 1,
            Status::Approved => ends[1] += 1,
            _ => ends[2] += 1,
        }
    }
    assert!(ends.iter().all(|count| *count > 0), "the races end in every way: {ends:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_publication_that_was_given_up_go() {
    let services = TestServices::start().await;
    let (workflow, robin) = (&services.workflow, reviewer("robin"));
    let published = services.approved("carla", IMAGES).await.id;
    make(workflow, published, Move::Publish, &robin).await.expect("published");
    let given_up = services.approved("carla", IMAGES).await;
    let left = keys::published(given_up.id, given_up.version + 1, 0);
    workflow.gallery.copy(&given_up.attempt.images[0].key, &left).await.expect("copied");
    let gone = keys::published(Uuid::now_v7(), 3, 0);
    workflow.gallery.copy(&given_up.attempt.images[0].key, &gone).await.expect("copied");

    // One may be on the way to its move; that of a task that is gone is not.
    assert_eq!(workflow.withdraw_orphans(Timestamp::now()).await.expect("S3 answers"), 1);
    assert_eq!(services.keys(&keys::all_published(given_up.id)).await, [left]);
    let later = Timestamp::now() + SignedDuration::from_hours(2);
    assert_eq!(workflow.withdraw_orphans(later).await.expect("S3 answers"), 1);
    assert_eq!(services.keys(keys::PUBLISHED).await.len(), IMAGES as usize);
    assert_eq!(check(&services, published, 0).await, Status::Published);
}
