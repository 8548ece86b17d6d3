//! Counters and lists: exact whatever moves at the same time, also of tables that are older than they are.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use easel_domain::task::{Change, Status, Task};
use easel_storage::store::{Filter, Store};
use easel_test_support::embedded::TABLE;
use jiff::Timestamp;
use rand_mt::Mt64;
use tokio::task::JoinSet;

use crate::support::{TestServices, reviewer};

/// How many stand where, by reading every list to its end.
async fn listed(store: &Store) -> BTreeMap<Status, u64> {
    let mut counts = BTreeMap::new();
    for status in Status::ALL {
        counts.insert(status, all(store, Filter::at(status)).await.len() as u64);
    }
    counts
}

async fn all(store: &Store, filter: Filter) -> Vec<Task> {
    let (mut tasks, mut behind) = (Vec::new(), None);
    loop {
        let page = store.list(&filter, 7, behind).await.expect("a page");
        assert!(page.tasks.len() <= 7, "a page holds what was asked for");
        tasks.extend(page.tasks);
        behind = page.next;
        if behind.is_none() {
            return tasks;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_what_counting_gives() {
    let services = TestServices::start().await;
    let store = services.workflow.store.clone();
    let mut moving = JoinSet::new();
    for number in 0..40 {
        let task = services.pending(if number % 2 == 0 { "carla" } else { "chris" }).await;
        // Two people move each task; where one is faster, nothing is written for the other.
        for person in 0..2 {
            let (store, id) = (store.clone(), task.id);
            moving.spawn(async move {
                let mut random = Mt64::new(number * 2 + person);
                for _ in 0..random.next_u64() % 5 {
                    let change = match random.next_u64() % 5 {
                        0 => Change::Pause,
                        1 => Change::Resume,
                        2 => Change::Claim { worker: "w".to_owned(), step: 0, used: Vec::new() },
                        3 => Change::Cancel { reason: None },
                        _ => Change::Delete { after: Timestamp::now() },
                    };
                    let task = store.task(id).await.expect("it is there");
                    if let Ok((moved, event)) = task.after(change, &reviewer("robin"), Timestamp::now()) {
                        store.save(&moved, &event).await.expect("DynamoDB answers");
                    }
                }
            });
        }
    }
    moving.join_all().await;
    let counts = store.counts().await.expect("counters");
    assert_eq!(counts, listed(&store).await);
    assert_eq!(counts.values().sum::<u64>(), 40);
    assert!(counts[&Status::Deleted] > 0 && counts[&Status::Pending] > 0, "{counts:?}");

    for task in all(&store, Filter::at(Status::Deleted)).await {
        store.remove(&task).await.expect("removed");
        store.remove(&task).await.expect("removing is repeated");
    }
    let left = store.counts().await.expect("counters");
    assert_eq!((left[&Status::Deleted], left.values().sum::<u64>()), (0, 40 - counts[&Status::Deleted]));
    assert_eq!(left, listed(&store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_in_order_and_whole_however_its_tasks_are_spread() {
    let services = TestServices::start().await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(services.pending("carla").await.id);
        services.pending("chris").await;
    }
    for (filter, count) in [
        (Filter { owner: Some("carla".to_owned()), ..Filter::default() }, 30),
        (Filter::at(Status::Pending), 60),
        (Filter { text: Some("RED HEART".to_owned()), ..Filter::default() }, 60),
        (Filter { owner: Some("carla#0".to_owned()), ..Filter::default() }, 0),
    ] {
        for oldest_first in [true, false] {
            let found = all(&services.workflow.store, Filter { oldest_first, ..filter.clone() }).await;
            let mut found: Vec<_> = found.iter().map(|task| task.id).collect();
            if !oldest_first {
                found.reverse();
            }
            assert!(found.is_sorted(), "{filter:?}");
            assert_eq!(found.len(), count, "{filter:?}");
            if filter.owner.as_deref() == Some("carla") {
                assert_eq!(found, ids);
            }
        }
    }
    let page = services.workflow.store.list(&Filter::default(), 1, None).await.expect("a page");
    let task = &page.tasks[0];
    assert_eq!((task.title.as_deref(), task.attempt.settings.prompt.as_str()), (Some("Heart"), "a red heart"));
    assert!(task.metadata.is_empty(), "lists read no metadata");
}

/// A table as it was made before there were counters.
async fn old_table(client: &aws_sdk_dynamodb::Client) {
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key");
    let mut request = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    for name in ["PK", "SK", "status", "owner", "id"] {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(attribute.build().expect("an attribute"));
    }
    for (name, attribute) in [("by_status", "status"), ("by_owner", "owner")] {
        let index = GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(attribute, KeyType::Hash))
            .key_schema(key("id", KeyType::Range))
            .projection(Projection::builder().projection_type(ProjectionType::All).build());
        request = request.global_secondary_indexes(index.build().expect("an index"));
    }
    let request = request.key_schema(key("PK", KeyType::Hash)).key_schema(key("SK", KeyType::Range));
    request.send().await.expect("a table");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_table_gets_its_indexes_and_every_task_is_counted_once() {
    let services = TestServices::without_table().await;
    old_table(&services.client).await;
    let store = &services.workflow.store;
    let mut tasks = Vec::new();
    for number in 0..12 {
        let task = services.task_as_before(if number % 3 == 0 { "chris" } else { "carla" }).await;
        tasks.push(task);
    }
    // One is moved before anything has gone over the table.
    let first = store.task(tasks[0].id).await.expect("it is readable");
    let first = services.change(&first, Change::Cancel { reason: None }, &reviewer("robin")).await;
    let counts = store.counts().await.expect("counters");
    assert_eq!((counts[&Status::Cancelled], counts[&Status::Pending]), (1, 0));

    for _ in 0..2 {
        store.create_table().await.expect("the table is brought up to date");
        let counts = store.counts().await.expect("counters");
        assert_eq!((counts[&Status::Cancelled], counts[&Status::Pending]), (1, 11));
        assert_eq!(counts, listed(store).await);
    }
    assert_eq!(store.recount().await.expect("DynamoDB answers"), 0, "all are counted");
    assert_eq!(store.task(first.id).await.expect("it is there"), first);
    let table = services.client.describe_table().table_name(TABLE).send().await.expect("described").table;
    let mut names: Vec<_> = table.expect("a table").global_secondary_indexes.expect("indexes").into_iter().collect();
    names.sort_by(|one, other| one.index_name.cmp(&other.index_name));
    let names: Vec<_> = names.iter().filter_map(|index| index.index_name()).collect();
    assert_eq!(names, ["tasks_by_owner", "tasks_by_status"]);
    let shards = services.client.query().table_name(TABLE).key_condition_expression("PK = :counters");
    let shards = shards.expression_attribute_values(":counters", AttributeValue::S("COUNTERS".to_owned()));
    assert!(shards.send().await.expect("rows").count() > 1, "tasks are spread over the counters");
}
