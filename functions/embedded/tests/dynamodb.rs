//! DynamoDB through the AWS SDK.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, Put, PutRequest, ReturnValue, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
    TimeToLiveSpecification, TimeToLiveStatus, TransactWriteItem, Update, WriteRequest,
};
use easel_test_support::embedded::Running;

const TABLE: &str = "tasks";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn keys(hash: &str, range: Option<&str>) -> Vec<KeySchemaElement> {
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().expect("a key");
    std::iter::once(key(hash, KeyType::Hash)).chain(range.map(|range| key(range, KeyType::Range))).collect()
}

fn index(name: &str, hash: &str) -> GlobalSecondaryIndex {
    let projection = Projection::builder().projection_type(ProjectionType::All).build();
    let index = GlobalSecondaryIndex::builder().index_name(name).projection(projection);
    index.set_key_schema(Some(keys(hash, Some("created")))).build().expect("an index")
}

async fn create_table(client: &Client) {
    let attribute = |(name, kind)| AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    let attributes = [
        ("id", ScalarAttributeType::S),
        ("state", ScalarAttributeType::S),
        ("owner", ScalarAttributeType::S),
        ("created", ScalarAttributeType::N),
    ];
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.map(|each| attribute(each).expect("an attribute")).to_vec()))
        .set_key_schema(Some(keys("id", None)))
        .global_secondary_indexes(index("by_state", "state"))
        .global_secondary_indexes(index("by_owner", "owner"))
        .send()
        .await
        .expect("creates the table");
    let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires").build().expect("a TTL");
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(expiry).send().await.expect("sets TTL");
}

fn task(id: &str, created: u64) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("id".to_owned(), text(id)),
        ("state".to_owned(), text("queued")),
        ("owner".to_owned(), text("ada")),
        ("created".to_owned(), number(created)),
    ])
}

fn new(id: &str) -> TransactWriteItem {
    let put = Put::builder().table_name(TABLE).set_item(Some(task(id, 1)));
    let put = put.condition_expression("attribute_not_exists(id)").build().expect("a put");
    TransactWriteItem::builder().put(put).build()
}

/// An update of a task's state, if it is in another one now.
fn transition(id: &str, from: &str, to: &str) -> TransactWriteItem {
    let update = Update::builder()
        .table_name(TABLE)
        .key("id", text(id))
        .update_expression("SET #state = :to ADD changes :one")
        .condition_expression("#state = :from")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":from", text(from))
        .expression_attribute_values(":to", text(to))
        .expression_attribute_values(":one", number(1))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    TransactWriteItem::builder().update(update.expect("an update")).build()
}

async fn item(client: &Client, id: &str) -> Option<HashMap<String, AttributeValue>> {
    let get = client.get_item().table_name(TABLE).key("id", text(id)).consistent_read(true);
    get.send().await.expect("gets").item
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_its_indexes_and_its_expiry() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;

    let table = client.describe_table().table_name(TABLE).send().await.expect("describes").table.expect("a table");
    let indexes = table.global_secondary_indexes();
    let names: BTreeSet<_> = indexes.iter().filter_map(|index| index.index_name()).collect();
    assert_eq!(names, BTreeSet::from(["by_owner", "by_state"]));
    assert!(indexes.iter().all(|index| index.index_status().is_some_and(|status| status.as_str() == "ACTIVE")));
    assert_eq!(table.table_status().expect("a status").as_str(), "ACTIVE");
    let expiry = client.describe_time_to_live().table_name(TABLE).send().await.expect("describes");
    let expiry = expiry.time_to_live_description.expect("a TTL");
    assert_eq!(
        (expiry.time_to_live_status(), expiry.attribute_name()),
        (Some(&TimeToLiveStatus::Enabled), Some("expires"))
    );

    let again = client.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    let attribute = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
    let again = again.attribute_definitions(attribute.build().expect("an attribute"));
    let error = again.set_key_schema(Some(keys("id", None))).send().await.expect_err("there is one already");
    assert!(error.into_service_error().is_resource_in_use_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_happens_whole_or_tells_why_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    let first = client.transact_write_items().transact_items(new("a")).transact_items(new("b"));
    first.send().await.expect("writes both");

    let second = client.transact_write_items().transact_items(new("c")).transact_items(transition("b", "done", "x"));
    let error = second.send().await.expect_err("the second condition fails").into_service_error();

    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else { panic!("{error}") };
    let reasons = canceled.cancellation_reasons();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes, [Some("None"), Some("ConditionalCheckFailed")]);
    assert_eq!(reasons[1].item(), Some(&task("b", 1)));
    assert!(item(&client, "c").await.is_none(), "nothing was written");

    let third = client.transact_write_items();
    let third =
        third.transact_items(transition("a", "queued", "done")).transact_items(transition("b", "queued", "done"));
    third.send().await.expect("both conditions hold");
    for id in ["a", "b"] {
        assert_eq!(item(&client, id).await.expect("an item")["state"], text("done"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_sent_twice_under_one_token_happens_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    client.transact_write_items().transact_items(new("a")).send().await.expect("writes");

    for _ in 0..2 {
        let write = client.transact_write_items().client_request_token("token");
        write.transact_items(transition("a", "queued", "running")).send().await.expect("the same answer");
    }
    assert_eq!(item(&client, "a").await.expect("an item")["changes"], number(1));

    let other = client.transact_write_items().client_request_token("token");
    let error = other.transact_items(transition("a", "running", "done")).send().await.expect_err("another request");
    assert!(error.into_service_error().is_idempotent_parameter_mismatch_exception());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_conditional_writers_exactly_one_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    for round in 0..5 {
        let id = format!("task-{round}");
        client.transact_write_items().transact_items(new(&id)).send().await.expect("writes");
        let writers: Vec<_> = (0..12)
            .map(|writer| {
                let (client, id) = (client.clone(), id.clone());
                tokio::spawn(async move {
                    if writer % 2 == 0 {
                        let write = client.transact_write_items().transact_items(transition(&id, "queued", "running"));
                        let error = write.send().await.err()?.into_service_error();
                        assert!(error.is_transaction_canceled_exception(), "{error}");
                        return Some(());
                    }
                    let update = client.update_item().table_name(TABLE).key("id", text(&id));
                    let update = update.update_expression("SET #state = :to ADD changes :one");
                    let update =
                        update.condition_expression("#state = :from").expression_attribute_names("#state", "state");
                    let update = update.expression_attribute_values(":from", text("queued"));
                    let update = update.expression_attribute_values(":to", text("running"));
                    let error = update.expression_attribute_values(":one", number(1)).send().await.err()?;
                    let error = error.into_service_error();
                    assert!(error.is_conditional_check_failed_exception(), "{error}");
                    Some(())
                })
            })
            .collect();
        let mut losers = 0;
        for writer in writers {
            losers += usize::from(writer.await.expect("answered").is_some());
        }
        assert_eq!(losers, 11);
        assert_eq!(item(&client, &id).await.expect("an item")["changes"], number(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_are_queried_page_by_page_with_filters() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    let puts: Vec<_> = (0..25)
        .map(|created| {
            let mut item = task(&format!("task-{created}"), created);
            let tags = if created % 5 == 0 { vec!["red", "blue"] } else { vec!["blue"] };
            item.insert("tags".to_owned(), AttributeValue::Ss(tags.into_iter().map(str::to_owned).collect()));
            let put = PutRequest::builder().set_item(Some(item)).build().expect("a put");
            WriteRequest::builder().put_request(put).build()
        })
        .collect();
    let written = client.batch_write_item().request_items(TABLE, puts).send().await.expect("writes");
    assert!(written.unprocessed_items().is_none_or(HashMap::is_empty));

    let query = || {
        let query = client.query().table_name(TABLE).index_name("by_owner").scan_index_forward(false);
        query.key_condition_expression("#owner = :owner").expression_attribute_names("#owner", "owner")
    };
    let mut pages = query().expression_attribute_values(":owner", text("ada")).limit(10).into_paginator().send();
    let mut counts = Vec::new();
    let mut created = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("queries");
        counts.push(page.count());
        created.extend(page.items().iter().map(|item| item["created"].as_n().expect("a number").clone()));
    }
    assert_eq!(counts.iter().filter(|count| **count > 0).copied().collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(created, (0..25).rev().map(|created| created.to_string()).collect::<Vec<_>>());

    let red = query().expression_attribute_values(":owner", text("ada")).filter_expression("contains(tags, :tag)");
    let red = red.expression_attribute_values(":tag", text("red")).send().await.expect("queries");
    assert_eq!((red.count(), red.scanned_count()), (5, 25));

    let consistent = query().expression_attribute_values(":owner", text("ada")).consistent_read(true).send().await;
    assert_eq!(consistent.expect_err("indexes are never consistent").code(), Some("ValidationException"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_follows_an_update() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    client.put_item().table_name(TABLE).set_item(Some(task("a", 1))).send().await.expect("puts");

    let update = client.update_item().table_name(TABLE).key("id", text("a")).return_values(ReturnValue::AllNew);
    let update =
        update.update_expression("SET #state = :to, attempts = if_not_exists(attempts, :zero) + :one REMOVE #owner");
    let update = update.expression_attribute_names("#state", "state").expression_attribute_names("#owner", "owner");
    let update =
        update.expression_attribute_values(":to", text("done")).expression_attribute_values(":zero", number(0));
    let updated = update.expression_attribute_values(":one", number(1)).send().await.expect("updates");

    let updated = updated.attributes.expect("the new item");
    assert_eq!((&updated["state"], &updated["attempts"], updated.get("owner")), (&text("done"), &number(1), None));
    for (index, key, value, expected) in
        [("by_state", "state", "queued", 0), ("by_state", "state", "done", 1), ("by_owner", "owner", "ada", 0)]
    {
        let query = client.query().table_name(TABLE).index_name(index).key_condition_expression("#key = :value");
        let query = query.expression_attribute_names("#key", key).expression_attribute_values(":value", text(value));
        assert_eq!(query.send().await.expect("queries").count(), expected, "{index} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_attribute_round_trips() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    let every_byte = Blob::new((0..=255).collect::<Vec<u8>>());
    let list = AttributeValue::L(vec![AttributeValue::Null(true), number(1), text("ü🎨")]);
    let mut written = task("a", 1);
    written.extend([
        ("bytes".to_owned(), AttributeValue::B(every_byte.clone())),
        ("byte_set".to_owned(), AttributeValue::Bs(vec![every_byte])),
        ("flag".to_owned(), AttributeValue::Bool(true)),
        ("map".to_owned(), AttributeValue::M(HashMap::from([("list".to_owned(), list)]))),
        ("number".to_owned(), AttributeValue::N("12345678901234567890.123456789".to_owned())),
    ]);
    client.put_item().table_name(TABLE).set_item(Some(written.clone())).send().await.expect("puts");
    assert_eq!(item(&client, "a").await, Some(written));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_items_but_the_expired_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    create_table(&client).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    for (id, expires) in [("past", now - 60), ("future", now + 3600)] {
        let mut item = task(id, 1);
        item.insert("expires".to_owned(), number(expires));
        client.put_item().table_name(TABLE).set_item(Some(item)).send().await.expect("puts");
    }
    dynamodb.stop().await;

    let dynamodb = Running::dynamodb(folder.path()).await;
    let client = dynamodb.client();
    let swept = async {
        while item(&client, "past").await.is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), swept).await.expect("the expired item goes");
    assert!(item(&client, "future").await.is_some());
}
