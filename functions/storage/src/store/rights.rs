//! What a worker may do with the table.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::counters::COUNTERS;
use super::indexes::BY_STATUS;
use super::rows::{self, EXPIRES};
use crate::rights::{Answer, Trial};
use easel_domain::task::Status;

/// The sort key of a row that is written to see whether it can be.
const TRIAL: &str = "TRIAL";
/// Seconds after which the row goes by itself, should it not be removed.
const KEPT: i64 = 3600;

impl Store {
    /// Tries everything that a worker does with the table, on a row of its own that is gone again afterwards.
    pub async fn try_rights(&self) -> Vec<Trial> {
        let partition = rows::task_partition(Uuid::new_v4());
        let key = rows::key(&partition, TRIAL);
        let expires = rows::number(Timestamp::now().as_second() + KEPT);
        let put =
            self.client.put_item().table_name(&self.table).set_item(Some(key.clone())).item(EXPIRES, expires.clone());
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key.clone()));
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("PK = :key")
            .expression_attribute_values(":key", key["PK"].clone());
        let deleted = AttributeValue::S(BY_STATUS.value(Status::Deleted.as_str(), 0));
        let index = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_STATUS.name)
            .limit(1)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", BY_STATUS.key)
            .expression_attribute_values(":status", deleted);
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        // Under a condition that never holds: a counter is nothing to try things on.
        let count = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(rows::key(COUNTERS, TRIAL)))
            .update_expression("SET #expires = :expires")
            .condition_expression("attribute_exists(PK)")
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":expires", expires.clone());
        let count = Answer::to(count.send().await, &["ConditionalCheckFailedException"]);
        let put = Answer::to(put.send().await, &[]);
        let get = Answer::to(get.send().await, &[]);
        let query = Answer::to(query.send().await, &[]);
        let index = Answer::to(index.send().await, &[]);
        let delete = Answer::to(delete.send().await, &[]);
        let rows = format!("{} TASK#…", self.table);
        let trial = |right, answer| Trial { right, on: rows.clone(), answer };
        vec![
            trial("dynamodb:PutItem", put),
            Trial { right: "dynamodb:UpdateItem", on: format!("{} {COUNTERS}", self.table), answer: count },
            trial("dynamodb:GetItem", get),
            trial("dynamodb:Query", query),
            Trial { right: "dynamodb:Query", on: format!("{}/{}", self.table, BY_STATUS.name), answer: index },
            trial("dynamodb:DeleteItem", delete),
        ]
    }

    /// Tries what no worker needs.
    pub async fn try_excess(&self) -> Vec<Trial> {
        let key = rows::key("IDEMPOTENCY#nobody#none", "IDEMPOTENCY");
        let get = Answer::to(self.client.get_item().table_name(&self.table).set_key(Some(key)).send().await, &[]);
        vec![Trial { right: "dynamodb:GetItem", on: format!("{} IDEMPOTENCY#…", self.table), answer: get }]
    }
}
