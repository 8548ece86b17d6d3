//! The service's S3 and DynamoDB, as any other program sees them.

use std::collections::HashMap;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::operation::get_object::GetObjectError;
use easel_core::gallery::Gallery;
use easel_core::store::Store;
use easel_core::workflow::Workflow;

use crate::service::Addresses;

/// Clients of the service's bucket and table.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    objects: aws_sdk_s3::Client,
    bucket: String,
    rows: aws_sdk_dynamodb::Client,
    table: String,
}

impl Storage {
    pub(crate) fn new(addresses: &Addresses) -> Self {
        let Addresses { access_key_id, secret_access_key, session_token, .. } = addresses;
        let credentials = Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "easel");
        let region = Region::new(addresses.region.clone());
        let objects = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url(&addresses.s3_endpoint)
            .force_path_style(true)
            .build();
        let rows = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .endpoint_url(&addresses.dynamodb_endpoint)
            .build();
        Self {
            objects: aws_sdk_s3::Client::from_conf(objects),
            bucket: addresses.bucket.clone(),
            rows: aws_sdk_dynamodb::Client::from_conf(rows),
            table: addresses.table.clone(),
        }
    }

    /// The same bucket and table as functions work with them.
    pub(crate) fn workflow(&self) -> Workflow {
        Workflow {
            store: Store::new(self.rows.clone(), &self.table),
            gallery: Gallery::new(self.objects.clone(), &self.bucket),
        }
    }

    /// Drops a file.
    pub(crate) async fn put(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.put_with(key, bytes, &[]).await;
    }

    /// Drops a file with metadata.
    pub(crate) async fn put_with(&self, key: &str, bytes: impl Into<Vec<u8>>, metadata: &[(&str, &str)]) {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let put = self.objects.put_object().bucket(&self.bucket).key(key).body(bytes.into().into());
        put.set_metadata(Some(metadata.collect::<HashMap<_, _>>())).send().await.expect("it is written");
    }

    /// What lies under a key.
    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self.objects.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => Some(object.body.collect().await.expect("all of it").to_vec()),
            Err(error) if matches!(error.as_service_error(), Some(GetObjectError::NoSuchKey(_))) => None,
            Err(error) => panic!("{key}: {error:?}"),
        }
    }

    /// An object's tags, as `name=value`.
    pub(crate) async fn tags(&self, key: &str) -> Vec<String> {
        let tags = self.objects.get_object_tagging().bucket(&self.bucket).key(key).send().await.expect("tags");
        tags.tag_set().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect()
    }

    /// The keys under a prefix.
    pub(crate) async fn keys(&self, prefix: &str) -> Vec<String> {
        let pages = self.objects.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await.expect("a list");
        pages.iter().flat_map(|page| page.contents()).filter_map(|object| object.key().map(str::to_owned)).collect()
    }

    /// The sort keys of a task's event rows.
    pub(crate) async fn event_rows(&self, id: &str) -> Vec<String> {
        let query = self.rows.query().table_name(&self.table).consistent_read(true);
        let query = query.key_condition_expression("PK = :task AND begins_with(SK, :event)");
        let query = query.expression_attribute_values(":task", text(&format!("TASK#{id}")));
        let found = query.expression_attribute_values(":event", text("EVENT#")).send().await.expect("rows");
        found.items().iter().filter_map(|row| row.get("SK")?.as_s().ok().cloned()).collect()
    }
}

fn text(value: &str) -> aws_sdk_dynamodb::types::AttributeValue {
    aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned())
}
