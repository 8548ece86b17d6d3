//! The service's S3 and DynamoDB, as any other program sees them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use aws_sdk_s3::operation::get_object::GetObjectError;
use easel_storage::gallery::Gallery;
use easel_storage::store::Store;
use easel_storage::workflow::Workflow;
use uuid::Uuid;

use crate::addresses::Addresses;
use crate::clients::Access;

/// Clients of the service's bucket and table.
#[derive(Debug, Clone)]
pub struct Storage {
    objects: aws_sdk_s3::Client,
    bucket: String,
    rows: aws_sdk_dynamodb::Client,
    table: String,
}

impl Storage {
    /// Clients of what these addresses name.
    #[must_use]
    pub fn new(addresses: &Addresses) -> Self {
        let Addresses { region, access_key_id, secret_access_key, session_token, .. } = addresses;
        let access = Access::until(region, access_key_id, secret_access_key, session_token.as_deref());
        Self {
            objects: access.s3(&addresses.s3_endpoint),
            bucket: addresses.bucket.clone(),
            rows: access.dynamodb(&addresses.dynamodb_endpoint),
            table: addresses.table.clone(),
        }
    }

    /// The same bucket and table as functions work with them.
    #[must_use]
    pub fn workflow(&self) -> Workflow {
        Workflow {
            store: Store::new(self.rows.clone(), &self.table),
            gallery: Gallery::new(self.objects.clone(), &self.bucket),
        }
    }

    /// Drops a file.
    pub async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.put_with(key, bytes, &[]).await;
    }

    /// Drops a file with metadata.
    pub async fn put_with(&self, key: &str, bytes: impl Into<Vec<u8>>, metadata: &[(&str, &str)]) {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let put = self.objects.put_object().bucket(&self.bucket).key(key).body(bytes.into().into());
        put.set_metadata(Some(metadata.collect::<HashMap<_, _>>())).send().await.expect("it is written");
    }

    /// What lies under a key.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self.objects.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => Some(object.body.collect().await.expect("all of it").to_vec()),
            Err(error) if matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_))) => None,
            Err(error) => panic!("{key}: {error:?}"),
        }
    }

    /// An object's tags, as `name=value`.
    pub async fn tags(&self, key: &str) -> Vec<String> {
        let tags = self.objects.get_object_tagging().bucket(&self.bucket).key(key).send().await.expect("tags");
        tags.tag_set().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect()
    }

    /// The keys under a prefix.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let pages = self.objects.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await.expect("a list");
        pages.iter().flat_map(|page| page.contents()).filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    /// Writes `count` tasks that are like the one with this id, past the service, and counts them; their ids.
    pub async fn multiply(&self, id: Uuid, count: usize) -> Vec<Uuid> {
        let key = HashMap::from([("PK".to_owned(), text(&format!("TASK#{id}"))), ("SK".to_owned(), text("TASK"))]);
        let found = self.rows.get_item().table_name(&self.table).set_key(Some(key)).send().await.expect("a row");
        let row = found.item.expect("the task");
        let status = row["status"].as_s().expect("a status").clone();
        let ids: Vec<_> = (0..count).map(|_| Uuid::now_v7()).collect();
        let tags: Vec<_> = row["tags"].as_l().expect("tags").iter().map(|tag| tag.as_s().expect("a tag")).collect();
        let rows = ids.iter().flat_map(|id| {
            let (mut row, shard) = (row.clone(), id.as_bytes()[15] % 4);
            row.insert("PK".to_owned(), text(&format!("TASK#{id}")));
            row.insert("id".to_owned(), text(&id.to_string()));
            for key in ["status_shard", "owner_shard"] {
                let value = row[key].as_s().expect("a key").rsplit_once('#').expect("a shard").0.to_owned();
                row.insert(key.to_owned(), text(&format!("{value}#{shard}")));
            }
            let owner = row["owner"].as_s().expect("an owner").clone();
            let tagged = tags.iter().flat_map(move |tag| {
                let partitions = [format!("TAGGED#{shard}"), format!("TAGGED#{owner}#{shard}")];
                let sort = format!("{tag}\u{1}{id}");
                partitions.map(|key| HashMap::from([("PK".to_owned(), text(&key)), ("SK".to_owned(), text(&sort))]))
            });
            std::iter::once(row).chain(tagged)
        });
        let puts = rows.map(|row| {
            let put = PutRequest::builder().set_item(Some(row)).build().expect("a row");
            WriteRequest::builder().put_request(put).build()
        });
        // As many as DynamoDB takes in one call.
        for some in puts.collect::<Vec<_>>().chunks(25) {
            let write = self.rows.batch_write_item().request_items(&self.table, some.to_vec());
            let written = write.send().await.expect("written");
            assert!(written.unprocessed_items().is_none_or(HashMap::is_empty), "all of them");
        }
        let counter = HashMap::from([("PK".to_owned(), text("COUNTERS")), ("SK".to_owned(), text("00"))]);
        let update = self.rows.update_item().table_name(&self.table).set_key(Some(counter));
        let update = update.update_expression("ADD #status :count").expression_attribute_names("#status", status);
        let count = AttributeValue::N(count.to_string());
        update.expression_attribute_values(":count", count).send().await.expect("counted");
        ids
    }

    /// Writes another name into an event, as somebody does who may write rows.
    pub async fn change_event(&self, id: &str, version: u64, by: &str, name: &str) {
        let key = [("PK", format!("TASK#{id}")), ("SK", format!("EVENT#{version:010}"))];
        let key = key.map(|(attribute, value)| (attribute.to_owned(), text(&value)));
        let update = self.rows.update_item().table_name(&self.table).set_key(Some(HashMap::from(key)));
        let update = update.update_expression("SET #by.#name = :name").condition_expression("attribute_exists(PK)");
        let update = update.expression_attribute_names("#by", by).expression_attribute_names("#name", "name");
        update.expression_attribute_values(":name", text(name)).send().await.expect("it is written");
    }

    /// The sort keys of a task's event rows.
    pub async fn event_rows(&self, id: &str) -> Vec<String> {
        let query = self.rows.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("PK = :task AND begins_with(SK, :event)");
        let query = query.expression_attribute_values(":task", text(&format!("TASK#{id}")));
        let found = query.expression_attribute_values(":event", text("EVENT#")).send().await.expect("rows");
        found.items().iter().filter_map(|row| row.get("SK")?.as_s().ok().cloned()).collect()
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
