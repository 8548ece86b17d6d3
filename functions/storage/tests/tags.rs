//! Lists by tag: whole, in order and of nothing else, whatever happens to tasks and tags.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use easel_domain::Labels;
use easel_domain::identity::{Identity, Role};
use easel_domain::task::{Change, Settings, Status, Task};
use easel_storage::store::{Filter, Saved, Store};
use easel_test_support::embedded::TABLE;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::support::{TestServices, new, reviewer};

async fn tagged(services: &TestServices, owner: &str, tags: &[&str]) -> Task {
    services.make(new(Uuid::now_v7(), owner, Settings::new("a red heart"), labels(tags))).await
}

fn labels(tags: &[&str]) -> Labels {
    Labels { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..Labels::default() }
}

fn by(tag: &str) -> Filter {
    Filter { tag_prefix: Some(tag.to_owned()), ..Filter::default() }
}

/// The ids that a list has, page by page.
async fn listed(store: &Store, filter: &Filter) -> Vec<Uuid> {
    let (mut ids, mut behind) = (Vec::new(), None);
    loop {
        let page = store.list(filter, 7, behind).await.expect("a page");
        assert!(page.tasks.len() <= 7, "a page holds what was asked for");
        ids.extend(page.tasks.iter().map(|task| task.id));
        behind = page.next;
        if behind.is_none() {
            return ids;
        }
    }
}

/// The partition and sort keys of all rows of tags.
async fn rows(services: &TestServices) -> Vec<(String, String)> {
    let mut rows = services.client.scan().table_name(TABLE).into_paginator().items().send();
    let mut keys = Vec::new();
    while let Some(row) = rows.next().await {
        let row = row.expect("a row");
        let [partition, sort] = ["PK", "SK"].map(|name| row[name].as_s().expect("a key").clone());
        if partition.starts_with("TAGGED#") {
            keys.push((partition, sort));
        }
    }
    keys
}

async fn retag(services: &TestServices, task: &Task, tags: &[&str]) -> Task {
    let tags = labels(tags).tags;
    services.change(task, Change::Relabel { title: None, tags, approvals_needed: 1 }, &reviewer("robin")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_tag_is_whole_and_in_order() {
    let services = TestServices::start().await;
    let store = &services.workflow.store;
    let (mut spring, mut all, mut of_carla) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..40 {
        let owner = if number % 3 == 0 { "carla" } else { "chris" };
        let tags = match number % 4 {
            0 => &["Spring 2027", "red"][..],
            1 => &["spring", "SPRING"],
            2 => &["Sprint"],
            _ => &["autumn"],
        };
        let task = tagged(&services, owner, tags).await;
        if number % 4 < 2 {
            spring.push(task.id);
        }
        if number % 4 < 3 {
            all.push(task.id);
            if owner == "carla" {
                of_carla.push(task.id);
            }
        }
    }
    let owner = |filter: Filter| Filter { owner: Some("carla".to_owned()), ..filter };
    for (filter, ids) in [(by("sprinG"), &spring), (by("SPR"), &all), (owner(by("spr")), &of_carla)] {
        let oldest_first = Filter { oldest_first: true, ..filter.clone() };
        assert_eq!(&listed(store, &oldest_first).await, ids, "{filter:?}");
        let newest_first: Vec<_> = ids.iter().rev().copied().collect();
        assert_eq!(listed(store, &filter).await, newest_first, "{filter:?}");
    }
    for filter in
        [by("springs"), by("pring"), owner(by("winter")), Filter { owner: Some("carla#0".to_owned()), ..by("spr") }]
    {
        assert!(listed(store, &filter).await.is_empty(), "{filter:?}");
    }
    let page = store.list(&by("autumn"), 1, None).await.expect("a page");
    assert_eq!(page.tasks[0].attempt.settings.prompt, "a red heart");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_tag_has_what_else_is_asked_for() {
    let services = TestServices::start().await;
    let store = &services.workflow.store;
    let mut ids = Vec::new();
    for number in 0..12 {
        let owner = if number < 6 { "carla" } else { "chris" };
        let settings = Settings::new(if number % 2 == 0 { "a green circle" } else { "a red heart" });
        let task = services.make(new(Uuid::now_v7(), owner, settings, labels(&["spring"]))).await;
        ids.push(task.id);
        if number % 3 == 0 {
            services.change(&task, Change::Cancel { reason: None }, &reviewer("robin")).await;
        } else if number % 3 == 1 {
            services.change(&task, Change::Delete { after: Timestamp::now() }, &reviewer("robin")).await;
        }
    }
    let those =
        |wanted: &dyn Fn(usize) -> bool| -> Vec<Uuid> { (0..12).filter(|n| wanted(*n)).map(|n| ids[n]).collect() };
    let filter = Filter { oldest_first: true, ..by("spr") };
    for (filter, wanted) in [
        (filter.clone(), those(&|number| number % 3 != 1)),
        (Filter { statuses: vec![Status::Cancelled], ..filter.clone() }, those(&|number| number % 3 == 0)),
        (Filter { statuses: vec![Status::Deleted], ..filter.clone() }, those(&|number| number % 3 == 1)),
        (
            Filter { text: Some("GREEN".to_owned()), ..filter.clone() },
            those(&|number| number % 3 != 1 && number % 2 == 0),
        ),
        (
            Filter { owner_prefix: Some("Ch".to_owned()), ..filter.clone() },
            those(&|number| number % 3 != 1 && number >= 6),
        ),
        (Filter { attempt: Some(2), ..filter.clone() }, Vec::new()),
        (Filter { created_before: Some(Timestamp::UNIX_EPOCH), ..filter.clone() }, Vec::new()),
    ] {
        assert_eq!(listed(store, &filter).await, wanted, "{filter:?}");
    }
}

/// However many newer tasks do not have the tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_rare_tag_is_on_the_first_page() {
    let services = TestServices::start().await;
    let task = tagged(&services, "carla", &["rare"]).await;
    let others: Vec<_> = (0..2_500).map(|_| Uuid::now_v7()).collect();
    for some in others.chunks(25) {
        let puts = some.iter().map(|id| {
            let shard = id.as_bytes()[15] % 4;
            let row = [
                ("PK", format!("TASK#{id}")),
                ("SK", "TASK".to_owned()),
                ("id", id.to_string()),
                ("status", "pending".to_owned()),
                ("status_shard", format!("pending#{shard}")),
            ];
            let row = row.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
            let put = PutRequest::builder().set_item(Some(row.into())).build().expect("a row");
            WriteRequest::builder().put_request(put).build()
        });
        let write = services.client.batch_write_item().request_items(TABLE, puts.collect());
        write.send().await.expect("written");
    }
    let page = services.workflow.store.list(&by("rare"), 1, None).await.expect("a page");
    assert_eq!((page.tasks.len(), page.tasks[0].id, page.next), (1, task.id, None));
}

/// There are more tags that begin alike than are looked up one by one.
#[tokio::test(flavor = "multi_thread")]
async fn many_tags_that_begin_alike_are_listed_as_well() {
    let services = TestServices::start().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(tagged(&services, "carla", &[&format!("tag-{number}")]).await.id);
    }
    let store = &services.workflow.store;
    assert_eq!(listed(store, &Filter { oldest_first: true, ..by("tag-") }).await, ids);
    assert_eq!(listed(store, &by("tag-59")).await, [ids[59]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_tags_go_with_the_tags_and_with_the_task() {
    let services = TestServices::start().await;
    let store = &services.workflow.store;
    let task = tagged(&services, "carla", &["red", "Blue"]).await;
    let keys = rows(&services).await;
    assert_eq!(keys.len(), 4, "two of everybody's and two of carla's: {keys:?}");

    let task = retag(&services, &task, &["blue", "green"]).await;
    assert_eq!(rows(&services).await.len(), 4);
    for (tag, ids) in [("red", &[][..]), ("blue", &[task.id]), ("green", &[task.id])] {
        assert_eq!(listed(store, &by(tag)).await, ids, "{tag}");
    }
    let before = store.task(task.id).await.expect("it is there");
    retag(&services, &task, &[]).await;
    assert_eq!(rows(&services).await, []);
    // Who comes too late changes no rows.
    let late = Change::Relabel { title: None, tags: labels(&["late"]).tags, approvals_needed: 1 };
    let (late, event) = before.after(late, &reviewer("robin"), Timestamp::now()).expect("legal");
    assert_eq!(store.save(&late, &event).await.expect("an answer"), Saved::Stale);
    assert_eq!(rows(&services).await, []);

    let task = tagged(&services, "carla", &["gone"]).await;
    let over = Timestamp::now() - SignedDuration::from_secs(1);
    services.change(&task, Change::Delete { after: over }, &Identity::new("ada", Role::Admin)).await;
    assert_eq!(services.workflow.purge_deleted(Timestamp::now()).await.expect("purged"), 1);
    assert_eq!(rows(&services).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_from_before_there_were_rows_of_tags_get_them() {
    let services = TestServices::start().await;
    let mut ids = Vec::new();
    for number in 0..30 {
        ids.push(tagged(&services, "carla", &["spring", if number % 2 == 0 { "red" } else { "blue" }]).await.id);
    }
    let whole = rows(&services).await;
    for (partition, sort) in whole.iter().cloned().chain([("TAGGED".to_owned(), "TAGGED".to_owned())]) {
        let delete = services.client.delete_item().table_name(TABLE);
        let delete = delete.key("PK", AttributeValue::S(partition)).key("SK", AttributeValue::S(sort));
        delete.send().await.expect("removed");
    }
    // Another process, which has not seen the table before.
    let again = || Store::new(services.client.clone(), TABLE);
    let store = again();
    let filter = Filter { oldest_first: true, ..by("spring") };
    assert_eq!(listed(&store, &filter).await, ids, "without the rows, every task is looked at");
    store.create_table().await.expect("the table is brought up to date");
    assert_eq!(rows(&services).await, whole);
    assert_eq!(listed(&again(), &filter).await, ids);
    assert!(store.write_tags().await.expect("an answer"), "there is nothing left to write");
}
