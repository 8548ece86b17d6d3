//! What goes when a task is purged or a person's tasks are erased, and what stays.

use easel_domain::Labels;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Event, Move, NewTask, Settings, Status, Task, verify};
use easel_storage::Error;
use easel_storage::gallery::keys;
use easel_storage::store::Filter;
use easel_storage::workflow::{Erasure, Workflow};
use easel_test_support::embedded::TABLE;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::{Builder, Uuid};

use crate::support::{TestServices, new, progress, reviewer};

fn ada() -> Identity {
    Identity::new("ada", Role::Admin)
}

/// Deletes the task, with a grace period that is over.
async fn delete(services: &TestServices, task: &Task) -> Task {
    services.change(task, Change::Delete { after: Timestamp::now() - SignedDuration::from_secs(1) }, &ada()).await
}

/// Whether any row of the table says this.
async fn is_said(services: &TestServices, text: &str) -> bool {
    let mut rows = services.client.scan().table_name(TABLE).into_paginator().items().send();
    while let Some(row) = rows.next().await {
        if format!("{:?}", row.expect("a row")).contains(text) {
            return true;
        }
    }
    false
}

/// That nothing is left of the task but who did what; its events.
async fn check_gone(services: &TestServices, id: Uuid) -> Vec<Event> {
    assert!(services.workflow.store.find(id).await.expect("DynamoDB answers").is_none());
    for prefix in [keys::images(id), keys::checkpoints(id), keys::all_published(id), keys::request(id)] {
        assert_eq!(services.keys(&prefix).await, [""; 0]);
    }
    let events = services.workflow.store.history(id).await.expect("a history");
    assert!(events.iter().all(|event| matches!(event.change, Change::Erased { .. })), "{events:?}");
    let records: Vec<_> = events.iter().map(Event::record).collect();
    assert_eq!(verify(id, &records, None), Ok(records.len()), "the chain is whole");
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_task_leaves_nothing_but_who_did_what() {
    let services = TestServices::start().await;
    let task = services.drawn(&services.pending("carla").await, 2).await;
    let rejected = services
        .change(
            &task,
            Change::Reject { reason: "too blue".to_owned(), notes: Vec::new(), regions: Vec::new() },
            &reviewer("robin"),
        )
        .await;
    let settings = Box::new(Settings::new("a green circle"));
    let task = services.change(&rejected, Change::Retry { settings }, &reviewer("robin")).await;
    let task = services.drawn(&services.workflow.store.task(task.id).await.expect("it is there"), 1).await;
    // More than one call to S3 removes.
    for number in 0..1_100 {
        services
            .workflow
            .gallery
            .write(&format!("{}extra-{number}", keys::images(task.id)), vec![0], "a/b")
            .await
            .expect("written");
    }
    let task = delete(&services, &task).await;
    for text in ["a red heart", "Heart", "too blue", "a green circle", "the prompt is long"] {
        assert!(is_said(&services, text).await, "{text}");
    }

    assert_eq!(services.workflow.purge_deleted(Timestamp::now()).await.expect("purged"), 1);
    let events = check_gone(&services, task.id).await;
    let changes: Vec<_> = events.iter().map(|event| event.change.action().map_or("create", Move::as_str)).collect();
    assert_eq!(changes, ["create", "claim", "finish", "reject", "retry", "claim", "finish", "delete"]);
    let by: Vec<_> = events.iter().map(|event| event.by.name.as_str()).collect();
    assert_eq!(by, ["carla", "w", "w", "robin", "robin", "w", "w", "ada"]);
    assert_eq!(events[0].change.owner(), Some("carla"), "the owner may still see who deleted it");
    for text in ["red heart", "Heart", "too blue", "green circle", "the prompt is long"] {
        assert!(!is_said(&services, text).await, "{text}");
    }
    assert_eq!(services.workflow.store.counts().await.expect("counters").values().sum::<u64>(), 0);
    assert_eq!(services.workflow.purge_deleted(Timestamp::now()).await.expect("nothing is left"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_cannot_be_purged_stands_in_no_others_way() {
    let services = TestServices::start().await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let task = services.pending("carla").await;
        tasks.push(delete(&services, &task).await);
    }
    let waiting = services.pending("carla").await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let waiting = services.change(&waiting, Change::Delete { after: later }, &ada()).await;
    services.put("EVENT#0000000002", tasks[0].id, &json!({"version": "unreadable"})).await;

    let failed = services.workflow.purge_deleted(Timestamp::now()).await.expect_err("one cannot be purged");
    assert!(matches!(&failed, Error::Internal(reason) if reason.contains(&tasks[0].id.to_string())), "{failed}");
    for task in &tasks[1..] {
        check_gone(&services, task.id).await;
    }
    for task in [&tasks[0], &waiting] {
        let (kept, _) = services.workflow.store.task_and_progress(task.id).await.expect("it is there");
        assert_eq!(kept.status, Status::Deleted);
    }
}

/// A task of a dropped file, as workers make it, and the keys beside.
async fn dropped(services: &TestServices, key: &str, written_before: i64) -> Task {
    services.workflow.gallery.write(key, b"a file".to_vec(), "image/png").await.expect("written");
    let modified = services.workflow.gallery.facts(key).await.expect("S3 answers").expect("it is there").modified;
    let milliseconds = u64::try_from((modified - written_before) * 1000).expect("after 1970");
    let id = Builder::from_unix_timestamp_millis(
        milliseconds,
        &Uuid::new_v4().into_bytes()[..10].try_into().expect("ten bytes"),
    )
    .into_uuid();
    let new = new(id, "carla", Settings::new("a red heart"), Labels::default());
    services.make(NewTask { source: Some(key.to_owned()), ..new }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_dropped_file_goes_with_what_was_beside_it() {
    let services = TestServices::start().await;
    let task = dropped(&services, "uploads/carla/photo.png", 0).await;
    for beside in ["uploads/carla/photo.json", "uploads/carla/photo.png.json", "uploads/carla/other.json"] {
        services.workflow.gallery.write(beside, b"{}".to_vec(), "application/json").await.expect("written");
    }
    delete(&services, &task).await;
    assert_eq!(services.workflow.purge_deleted(Timestamp::now()).await.expect("purged"), 1);
    assert_eq!(services.keys(keys::UPLOADS).await, ["uploads/carla/other.json"]);

    // A text has nothing beside it.
    let task = dropped(&services, "uploads/carla/other.txt", 0).await;
    delete(&services, &task).await;
    assert_eq!(services.workflow.purge_deleted(Timestamp::now()).await.expect("purged"), 1);
    assert_eq!(services.keys(keys::UPLOADS).await, ["uploads/carla/other.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_file_of_the_same_name_stays() {
    let services = TestServices::start().await;
    let task = dropped(&services, "uploads/carla/photo.png", 60).await;
    delete(&services, &task).await;
    assert_eq!(services.workflow.purge_deleted(Timestamp::now()).await.expect("purged"), 1);
    check_gone(&services, task.id).await;
    assert_eq!(services.keys(keys::UPLOADS).await, ["uploads/carla/photo.png"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_erased_with_everything_that_is_theirs_and_nothing_else() {
    let services = TestServices::start().await;
    let (workflow, robin) = (&services.workflow, reviewer("robin"));
    let mut theirs = Vec::new();
    for _ in 0..60 {
        theirs.push(services.pending("carla").await.id);
    }
    let published = services.approved("carla", 2).await;
    let change = |task: &Task| Ok(Change::Publish { publication: Workflow::publication(task, &robin) });
    workflow.move_task(published.id, Move::Publish, &robin, None, change).await.expect("published");
    theirs.push(published.id);
    theirs.push(delete(&services, &services.pending("carla").await).await.id);
    theirs.push(dropped(&services, "uploads/carla/photo.png", 0).await.id);
    let upload = format!("{}an-upload", keys::inputs_of("carla"));
    workflow.gallery.write(&upload, vec![1], "image/png").await.expect("written");
    let others = services.approved("chris", 1).await;
    let held = services.claimed("carla", SignedDuration::from_hours(1)).await;

    let refused = workflow.erase("carla", &robin).await.expect_err("it needs an admin");
    assert!(matches!(refused, Error::Domain(easel_domain::Error::Forbidden(_))), "{refused}");
    for id in &theirs {
        assert!(
            workflow.store.find(*id).await.expect("DynamoDB answers").is_some(),
            "whoever was refused erased nothing"
        );
    }
    let first = workflow.erase("carla", &ada()).await.expect("erased");
    assert_eq!(first, Erasure { erased: theirs.len(), held: 1, is_cut: false });
    assert_eq!(workflow.store.task(held.id).await.expect("a worker holds it").status, Status::Deleted);
    let again = workflow.erase("carla", &ada()).await.expect("nothing else is left");
    assert_eq!(again, Erasure { erased: 0, held: 1, is_cut: false });
    services.put("PROGRESS", held.id, &progress(held.version)).await;
    let last = workflow.erase("carla", &ada()).await.expect("the lease is over");
    assert_eq!(last, Erasure { erased: 1, held: 0, is_cut: false });
    for id in theirs.iter().chain([&held.id]) {
        let events = check_gone(&services, *id).await;
        assert_eq!(events.last().and_then(|event| event.change.action()), Some(Move::Delete));
    }
    assert_eq!(workflow.erase("carla", &ada()).await.expect("nothing is left"), Erasure::default());
    for prefix in [keys::UPLOADS, keys::INPUTS, keys::PUBLISHED] {
        assert_eq!(services.keys(prefix).await, [""; 0], "{prefix}");
    }

    let left = workflow.store.list(&Filter::default(), 10, None).await.expect("a list").tasks;
    assert_eq!(left.iter().map(|task| task.id).collect::<Vec<_>>(), [others.id]);
    assert_eq!(workflow.store.task(others.id).await.expect("it is there"), others);
    assert_eq!(workflow.store.counts().await.expect("counters").values().sum::<u64>(), 1);
}
