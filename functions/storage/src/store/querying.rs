//! Single rows, and queries of one partition of the table.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::{Store, rows};
use crate::error::Result;

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
}
