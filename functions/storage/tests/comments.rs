//! Comments are beside the task, are counted, and go with it and with who wrote them.

use easel_domain::comment::{Comment, Remark, Resolution};
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Area, Change, Task};
use easel_storage::Error;
use easel_storage::store::{Discussion, Store};
use easel_test_support::embedded::TABLE;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::support::{TestServices, reviewer};

fn remark(text: &str) -> Remark {
    Remark { text: text.to_owned(), image: None, region: None, answers: None }
}

async fn say(store: &Store, task: &Task, by: &str, text: &str) -> Comment {
    let comment = Comment::on(task, remark(text), &reviewer(by), Timestamp::now()).expect("a comment");
    store.add_comment(&comment).await.expect("added");
    comment
}

async fn discussion(store: &Store, task: Uuid) -> Discussion {
    let alone = store.discussion(task, Timestamp::now()).await.expect("DynamoDB answers");
    let among = store.discussions(&[Uuid::nil(), task], Timestamp::now()).await.expect("DynamoDB answers");
    assert_eq!(among.get(&task).cloned().unwrap_or_default(), alone);
    alone
}

async fn rows_with(services: &TestServices, text: &str) -> usize {
    let mut rows = services.client.scan().table_name(TABLE).into_paginator().items().send();
    let mut found = 0;
    while let Some(row) = rows.next().await {
        found += usize::from(format!("{:?}", row.expect("a row")).contains(text));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_listed_counted_resolved_and_removed_and_change_nothing_of_the_task() {
    let services = TestServices::start().await;
    let store = &services.workflow.store;
    let task = services.drawn(&services.pending("carla").await, 2).await;
    let mut said = Vec::new();
    for number in 0..5 {
        said.push(say(store, &task, "robin", &format!("number {number} for @rosa")).await);
    }
    let area = Area { x: 0.5, y: 0.25, width: Some(0.1), height: Some(0.2) };
    let on_image = Remark { image: Some(1), region: Some(area), answers: Some(said[0].id), ..remark("six fingers") };
    let on_image = Comment::on(&task, on_image, &reviewer("rosa"), Timestamp::now()).expect("a comment");
    store.add_comment(&on_image).await.expect("added");
    said.push(on_image);

    let first = store.comments(task.id, 4, None).await.expect("a page");
    assert_eq!((&first.comments[..], first.next), (&said[..4], Some(said[3].id)));
    let rest = store.comments(task.id, 4, first.next).await.expect("a page");
    assert_eq!((&rest.comments[..], rest.next), (&said[4..], None));
    let mentions = store.mentions("rosa", 3, None).await.expect("a page");
    assert_eq!(mentions.comments, [said[4].clone(), said[3].clone(), said[2].clone()], "newest first");
    let mentions = store.mentions("rosa", 3, mentions.next).await.expect("a page");
    assert_eq!((mentions.comments.len(), mentions.next), (2, None));

    let resolution = Resolution { by: "rosa".to_owned(), at: Timestamp::now() };
    let resolved = store.resolve_comment(&said[0], Some(resolution)).await.expect("resolved");
    assert_eq!(store.comment(task.id, said[0].id).await.expect("an answer"), Some(resolved.clone()));
    let counted = |comments, open_comments| Discussion { reviewer: None, comments, open_comments };
    assert_eq!(discussion(store, task.id).await, counted(6, 5));
    let told = store.mentions("rosa", 10, None).await.expect("a page").comments;
    assert_eq!(told.last(), Some(&resolved), "who was told of it sees that, too");
    let stale =
        store.resolve_comment(&Comment { resolution: resolved.resolution.clone(), ..said[1].clone() }, None).await;
    assert!(matches!(stale, Err(Error::Contended)), "it was open");
    store.resolve_comment(&resolved, None).await.expect("open again");
    assert_eq!(discussion(store, task.id).await, counted(6, 6));
    store.remove_comment(&said[1]).await.expect("removed");
    store.remove_comment(&said[1]).await.expect("none is fine");
    assert_eq!(discussion(store, task.id).await, counted(5, 5));
    assert_eq!(rows_with(&services, "number 1").await, 0);
    assert_eq!(store.task(task.id).await.expect("it is there"), task);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_writes_very_much_is_told_to_wait_and_no_comment_is_added_to_what_goes() {
    let services = TestServices::start().await;
    let store = &services.workflow.store;
    let task = services.drawn(&services.pending("carla").await, 1).await;
    for number in 0..60 {
        say(store, &task, "robin", &number.to_string()).await;
    }
    let more = Comment::on(&task, remark("more"), &reviewer("robin"), Timestamp::now()).expect("a comment");
    let refused = store.add_comment(&more).await.expect_err("too many");
    assert!(matches!(refused, Error::Domain(easel_domain::Error::TooMany { .. })), "{refused}");
    say(store, &task, "rosa", "others still may").await;

    let seen = task.clone();
    let after = Timestamp::now() + SignedDuration::from_hours(1);
    services.change(&task, Change::Delete { after }, &Identity::new("ada", Role::Admin)).await;
    let late = Comment::on(&seen, remark("late"), &reviewer("rosa"), Timestamp::now()).expect("as it was seen");
    let refused = store.add_comment(&late).await.expect_err("it is deleted by now");
    assert!(matches!(refused, Error::Domain(easel_domain::Error::NotFound(_))), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_go_with_their_task_and_with_who_wrote_them() {
    let services = TestServices::start().await;
    let (workflow, ada) = (&services.workflow, Identity::new("ada", Role::Admin));
    let store = &workflow.store;
    let (theirs, others) = (services.pending("carla").await, services.pending("chris").await);
    say(store, &theirs, "robin", "a word to @chris on hers").await;
    for _ in 0..3 {
        say(store, &others, "carla", "a secret of hers").await;
    }
    let kept = say(store, &others, "robin", "a word to @carla on his").await;

    let erased = workflow.erase("carla", &ada).await.expect("erased");
    assert_eq!((erased.erased, erased.held, erased.is_cut), (1, 0, false));
    for gone in
        ["on hers", "a secret of hers", "MENTIONS#carla", "COMMENTS#carla", &format!("DISCUSSION#{}", theirs.id)]
    {
        assert_eq!(rows_with(&services, gone).await, 0, "{gone}");
    }
    assert_eq!(store.comments(others.id, 10, None).await.expect("a page").comments, [kept]);
    assert_eq!(discussion(store, others.id).await, Discussion { reviewer: None, comments: 1, open_comments: 1 });
    workflow.erase("chris", &ada).await.expect("erased");
    assert_eq!(rows_with(&services, "COMMENT").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_reviewer_has_a_task_until_they_let_it_go_or_their_time_is_over() {
    let services = TestServices::start().await;
    let store = &services.workflow.store;
    let task = services.drawn(&services.pending("carla").await, 1).await;
    let now = Timestamp::now();
    let claimed = store.claim_review(task.id, "robin", true, now).await.expect("claimed").expect("a reviewer");
    assert_eq!(discussion(store, task.id).await.reviewer, Some(claimed.clone()));
    let refused = store.claim_review(task.id, "rosa", true, now).await.expect_err("robin has it");
    assert!(refused.to_string().contains("robin"), "{refused}");
    store.claim_review(task.id, "rosa", false, now).await.expect_err("it is not hers to release");
    store.claim_review(task.id, "robin", true, now).await.expect("once more");
    let later = claimed.until + SignedDuration::from_secs(1);
    let rosa = store.claim_review(task.id, "rosa", true, later).await.expect("claimed").expect("a reviewer");
    assert_eq!(rosa.name, "rosa");
    assert_eq!(store.claim_review(task.id, "rosa", false, later).await.expect("released"), None);
    assert_eq!(discussion(store, task.id).await, Discussion::default());
    assert_eq!(store.task(task.id).await.expect("it is there"), task, "the task is as it was");
}
