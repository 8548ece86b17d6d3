//! Rows by their keys, and queries of one partition of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use serde::de::DeserializeOwned;

use super::Store;
use super::rows::{self, BEHIND, Row};
use crate::error::{Error, Result};

/// Most rows that DynamoDB reads at once.
const MOST_AT_ONCE: usize = 100;

impl Store {
    /// The row with this key, as it was just written; `None` if there is none.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub(super) async fn row<T: DeserializeOwned>(&self, partition: &str, sort: &str) -> Result<Option<T>> {
        let key = rows::key(partition, sort);
        let query = self.client.get_item().table_name(&self.table).consistent_read(true).set_key(Some(key));
        query.send().await.map_err(rows::failed)?.item.map(rows::read).transpose()
    }

    /// A query of one partition, which reads what has just been written.
    pub(super) fn partition(&self, partition: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("PK = :partition")
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
    }

    /// A query of the rows of a partition whose sort keys are from one to another, both included.
    pub(super) fn between(&self, partition: &str, first: &str, last: &str) -> QueryFluentBuilder {
        self.partition(partition)
            .key_condition_expression("PK = :partition AND SK BETWEEN :first AND :last")
            .expression_attribute_values(":first", AttributeValue::S(first.to_owned()))
            .expression_attribute_values(":last", AttributeValue::S(last.to_owned()))
    }

    /// The rows with these keys that are there, in no order; all of them, or only these attributes.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub(super) async fn rows(&self, keys: Vec<Row>, attributes: &[&str]) -> Result<Vec<Row>> {
        let mut found = Vec::new();
        for keys in keys.chunks(MOST_AT_ONCE) {
            let mut wanted = KeysAndAttributes::builder().set_keys(Some(keys.to_vec()));
            if !attributes.is_empty() {
                let names: Vec<_> = (0..attributes.len()).map(|number| format!("#{number}")).collect();
                wanted = wanted.projection_expression(names.join(", "));
                for (name, attribute) in names.into_iter().zip(attributes) {
                    wanted = wanted.expression_attribute_names(name, *attribute);
                }
            }
            let wanted = wanted.build().map_err(|error| Error::Internal(error.to_string()))?;
            let mut left = HashMap::from([(self.table.clone(), wanted)]);
            while !left.is_empty() {
                let read = self.client.batch_get_item().set_request_items(Some(left)).send().await;
                let read = read.map_err(rows::failed)?;
                found.extend(read.responses.unwrap_or_default().into_values().flatten());
                left = read.unprocessed_keys.unwrap_or_default();
            }
        }
        Ok(found)
    }

    /// The first row of each name in a partition whose sort keys begin with names; of up to `limit` names that begin with
    /// `prefix`, in the order of the alphabet. Each costs a query of one row.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub(super) async fn first_of_each_name(&self, partition: &str, prefix: &str, limit: usize) -> Result<Vec<Row>> {
        let (mut first, last) = (prefix.to_owned(), format!("{prefix}{}", char::MAX));
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(row) = rows::all(self.between(partition, &first, &last), Some(1)).await?.pop() else { break };
            first = format!("{}{BEHIND}", rows::name(&row));
            found.push(row);
        }
        Ok(found)
    }
}
