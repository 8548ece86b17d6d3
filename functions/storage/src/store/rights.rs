//! What a worker may do with the table.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::Store;
use super::counters::COUNTERS;
use super::indexes::BY_STATUS;
use super::names::NAMES;
use super::offers::OFFERS;
use super::queue::QUEUE;
use super::rows::{self, EXPIRES, Row};
use super::tags::TAGGED;
use super::waiting::WAITING;
use crate::rights::{Answer, Trial};
use easel_domain::task::Status;

/// The sort key of rows that are never there.
const TRIAL: &str = "TRIAL";
/// The condition that such a row is there: nothing is ever written, and only those who may write hear of the condition.
const NEVER: &str = "attribute_exists(PK)";
const NEVER_HOLDS: [&str; 1] = ["ConditionalCheckFailedException"];

impl Store {
    /// Tries everything that a worker does with the table, and changes nothing.
    pub async fn try_rights(&self) -> Vec<Trial> {
        let id = Uuid::new_v4();
        let task = rows::key(&rows::task_partition(id), TRIAL);
        let waiting = rows::key(&format!("{WAITING}#{id}"), TRIAL);
        let deleted = BY_STATUS.value(Status::Deleted.as_str(), 0);
        let put = self.may_put(task.clone()).await;
        let get = self.client.get_item().table_name(&self.table).set_key(Some(task.clone()));
        let get = Answer::to(get.send().await, &[]);
        let index = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(BY_STATUS.name)
            .limit(1)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", BY_STATUS.key)
            .expression_attribute_values(":status", AttributeValue::S(deleted));
        let index = Answer::to(index.send().await, &[]);
        let events = self.may_query(&rows::task_partition(id)).await;
        let name = self.may_put(rows::key(&format!("{NAMES}#{id}"), TRIAL)).await;
        let tag = self.may_put(rows::key(&format!("{TAGGED}#{id}"), TRIAL)).await;
        let queue = self.may_query(QUEUE).await;
        let first = self.may_delete(rows::key(QUEUE, TRIAL)).await;
        let owners = self.may_query(WAITING).await;
        let offers = self.may_query(OFFERS).await;
        let owner = self.may_update(WAITING).await;
        let counter = self.may_update(COUNTERS).await;
        let drawn = self.may_delete(waiting).await;
        let on = |partition: &str| format!("{} {partition}", self.table);
        vec![
            Trial { right: "dynamodb:PutItem", on: on("TASK#…"), answer: put },
            Trial { right: "dynamodb:GetItem", on: on("TASK#…"), answer: get },
            Trial { right: "dynamodb:Query", on: on("TASK#…"), answer: events },
            Trial { right: "dynamodb:Query", on: format!("{}/{}", self.table, BY_STATUS.name), answer: index },
            Trial { right: "dynamodb:Query", on: on(WAITING), answer: owners },
            Trial { right: "dynamodb:Query", on: on(OFFERS), answer: offers },
            Trial { right: "dynamodb:PutItem", on: on("NAMES#…"), answer: name },
            Trial { right: "dynamodb:PutItem", on: on("TAGGED#…"), answer: tag },
            Trial { right: "dynamodb:Query", on: on(QUEUE), answer: queue },
            Trial { right: "dynamodb:DeleteItem", on: on(QUEUE), answer: first },
            Trial { right: "dynamodb:UpdateItem", on: on(WAITING), answer: owner },
            Trial { right: "dynamodb:UpdateItem", on: on(COUNTERS), answer: counter },
            Trial { right: "dynamodb:DeleteItem", on: on("WAITING#…"), answer: drawn },
        ]
    }

    /// Tries what no worker needs.
    pub async fn try_excess(&self) -> Vec<Trial> {
        let key = rows::key("IDEMPOTENCY#nobody#none", "IDEMPOTENCY");
        let get = Answer::to(self.client.get_item().table_name(&self.table).set_key(Some(key)).send().await, &[]);
        let delete = self.may_delete(rows::key(&rows::task_partition(Uuid::new_v4()), TRIAL)).await;
        vec![
            Trial { right: "dynamodb:GetItem", on: format!("{} IDEMPOTENCY#…", self.table), answer: get },
            Trial { right: "dynamodb:DeleteItem", on: format!("{} TASK#…", self.table), answer: delete },
        ]
    }

    async fn may_put(&self, row: Row) -> Answer {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row)).condition_expression(NEVER);
        Answer::to(put.send().await, &NEVER_HOLDS)
    }

    async fn may_query(&self, partition: &str) -> Answer {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .limit(1)
            .key_condition_expression("PK = :key")
            .expression_attribute_values(":key", AttributeValue::S(partition.to_owned()));
        Answer::to(query.send().await, &[])
    }

    async fn may_update(&self, partition: &str) -> Answer {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(rows::key(partition, TRIAL)))
            .update_expression("SET #expires = :expires")
            .condition_expression(NEVER)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":expires", rows::number(0));
        Answer::to(update.send().await, &NEVER_HOLDS)
    }

    async fn may_delete(&self, key: Row) -> Answer {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key)).condition_expression(NEVER);
        Answer::to(delete.send().await, &NEVER_HOLDS)
    }
}
