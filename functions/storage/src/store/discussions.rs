//! Who looks at a task's images, and how much is said about them: a row beside the task, so that neither changes the task.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Store, rows};
use crate::error::{Error, Result};

pub(super) const DISCUSSION: &str = "DISCUSSION";
/// How long a reviewer has a task to themselves unless they say so again.
pub const CLAIMED_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What is said about a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Discussion {
    /// The reviewer who looks at it.
    pub reviewer: Option<Reviewer>,
    /// How many comments it has.
    pub comments: u64,
    /// How many of them are open.
    pub open_comments: u64,
}

/// A reviewer who looks at a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reviewer {
    /// Their name.
    pub name: String,
    /// Until when they have the task to themselves.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "PK")]
    partition: String,
    #[serde(default)]
    reviewer: Option<Reviewer>,
    #[serde(default)]
    comments: i64,
    #[serde(default)]
    open_comments: i64,
}

impl Store {
    /// What is said about each of these tasks; nothing of those about which nothing is.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn discussions(&self, tasks: &[Uuid], now: Timestamp) -> Result<BTreeMap<Uuid, Discussion>> {
        let keys = tasks.iter().map(|id| rows::key(&discussion_of(*id), DISCUSSION)).collect();
        let mut found = BTreeMap::new();
        for row in self.rows(keys, &[]).await? {
            let row: Row = rows::read(row)?;
            let id = row.partition.rsplit('#').next().and_then(|id| id.parse().ok());
            found.extend(id.map(|id: Uuid| (id, row.discussion(now))));
        }
        Ok(found)
    }

    /// What is said about a task.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn discussion(&self, task: Uuid, now: Timestamp) -> Result<Discussion> {
        let row: Option<Row> = self.row(&discussion_of(task), DISCUSSION).await?;
        Ok(row.map(|row| row.discussion(now)).unwrap_or_default())
    }

    /// Says that `name` looks at the task from now on, for [`CLAIMED_FOR`], or that they do no longer; the reviewer that it
    /// has then.
    ///
    /// # Errors
    /// Returns [`Conflict`](easel_domain::Error::Conflict) if somebody else does,
    /// [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn claim_review(&self, task: Uuid, name: &str, takes: bool, now: Timestamp) -> Result<Option<Reviewer>> {
        let reviewer = Reviewer { name: name.to_owned(), until: now + CLAIMED_FOR };
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(&discussion_of(task), DISCUSSION)))
            .condition_expression("attribute_not_exists(reviewer) OR reviewer.#name = :name OR claimed_until <= :now")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", AttributeValue::S(name.to_owned()))
            .expression_attribute_values(":now", rows::number(now.as_millisecond()));
        let update = if takes {
            let value = serde_dynamo::to_attribute_value(&reviewer);
            let value = value.map_err(|error| Error::Internal(format!("writing a row: {error}")))?;
            update
                .update_expression("SET reviewer = :reviewer, claimed_until = :until")
                .expression_attribute_values(":reviewer", value)
                .expression_attribute_values(":until", rows::number(reviewer.until.as_millisecond()))
        } else {
            update.update_expression("REMOVE reviewer, claimed_until")
        };
        let update = update.build().map_err(|error| Error::Internal(error.to_string()))?;
        if self.write_all(vec![TransactWriteItem::builder().update(update).build()]).await?.is_empty() {
            return Ok(takes.then_some(reviewer));
        }
        // Whoever has just let it go leaves it to the next call.
        let Some(Reviewer { name, until }) = self.discussion(task, now).await?.reviewer else {
            return Err(Error::Contended);
        };
        let minutes = (until.duration_since(now).as_secs() + 59) / 60;
        let message =
            format!("the task is reviewed by {name} for another {minutes} minutes: ask them, or decide all the same");
        Err(easel_domain::Error::Conflict(message).into())
    }
}

impl Row {
    fn discussion(self, now: Timestamp) -> Discussion {
        Discussion {
            reviewer: self.reviewer.filter(|reviewer| reviewer.until > now),
            comments: u64::try_from(self.comments).unwrap_or_default(),
            open_comments: u64::try_from(self.open_comments).unwrap_or_default(),
        }
    }
}

/// The partition of what is said about a task: apart from the task's own rows, which nobody changes in place or removes who
/// may write here.
pub(super) fn discussion_of(task: Uuid) -> String {
    format!("{DISCUSSION}#{task}")
}
