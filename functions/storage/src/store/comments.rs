//! Comments on tasks: rows beside the task, which no move reads or writes.
//!
//! A comment has a row of its own beside the task, one that says who wrote it, and one for each person that it mentions, all written and
//! removed together. How many a task has is counted in its `DISCUSSION` row.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, Select, TransactWriteItem, Update};
use easel_domain::Error::NotFound;
use easel_domain::comment::{Comment, MAX_COMMENTS, Resolution};
use easel_domain::task::{Status, Task};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::{Builder, Uuid};

use super::changes::{WriteRefusal, put};
use super::discussions::{DISCUSSION, discussion_of};
use super::{Store, rows};
use crate::error::{Error, Result};

const COMMENT: &str = "COMMENT#";
/// Sorts behind every id.
const END: &str = "g";
/// How many rows are read at once to be removed.
const REMOVED_AT_ONCE: i32 = 100;
/// Most comments of one person within [`WINDOW`].
const MOST_AT_ONCE: u64 = 60;
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// A part of a list of comments.
#[derive(Debug, Clone, PartialEq)]
pub struct CommentPage {
    /// In the list's order.
    pub comments: Vec<Comment>,
    /// Where the next part begins: behind this id. `None` is the end.
    pub next: Option<Uuid>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "SK")]
    comment: Uuid,
    task: Uuid,
}

impl Store {
    /// Adds a comment to the task, as far as its author has not just written many and the task has not too many.
    ///
    /// # Errors
    /// Returns [`NotFound`] if the task is gone by now, [`TooMany`](easel_domain::Error::TooMany) or
    /// [`Conflict`](easel_domain::Error::Conflict) if there are too many comments,
    /// [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn add_comment(&self, comment: &Comment) -> Result<()> {
        if self.written_lately(&comment.by, comment.at).await? >= MOST_AT_ONCE {
            let what = format!("you have written {MOST_AT_ONCE} comments within ten minutes, which is the limit");
            return Err(
                easel_domain::Error::TooMany { what, retry_after_seconds: WINDOW.as_secs().unsigned_abs() }.into()
            );
        }
        let is_there = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(&rows::task_partition(comment.task), rows::TASK)))
            .condition_expression("attribute_exists(PK) AND attribute_not_exists(#going) AND #status <> :deleted")
            .expression_attribute_names("#going", rows::GOING)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":deleted", AttributeValue::S(Status::Deleted.as_str().to_owned()))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        let mut writes = vec![
            TransactWriteItem::builder().condition_check(is_there).build(),
            self.counted_comments(comment.task, 1, 1)?,
            self.new_row(row(comment)?)?,
        ];
        let author = rows::key(&written_by(&comment.by), &comment.id.to_string());
        let task = ("task".to_owned(), AttributeValue::S(comment.task.to_string()));
        writes.push(self.put_row(author.into_iter().chain([task]).collect())?);
        for name in &comment.mentions {
            writes.push(self.put_row(rows::write(&mentions_of(name), &comment.id.to_string(), comment)?)?);
        }
        match self.write_all(writes).await?.as_slice() {
            [] => Ok(()),
            [Some(WriteRefusal::Condition), ..] => Err(NotFound(comment.task).into()),
            _ => {
                let full = format!("the task has {MAX_COMMENTS} comments, which is the limit");
                Err(easel_domain::Error::Conflict(full).into())
            }
        }
    }

    /// The comment, if it is there.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn comment(&self, task: Uuid, id: Uuid) -> Result<Option<Comment>> {
        self.row(&discussion_of(task), &format!("{COMMENT}{id}")).await
    }

    /// Up to `limit` comments on the task behind one, oldest first.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn comments(&self, task: Uuid, limit: usize, behind: Option<Uuid>) -> Result<CommentPage> {
        let first = behind.map_or_else(|| COMMENT.to_owned(), |id| format!("{COMMENT}{id}"));
        let range = (first, format!("{COMMENT}{END}"));
        self.comment_page(&discussion_of(task), range, limit, true, behind).await
    }

    /// Up to `limit` comments that mention somebody, before one, newest first. Not all of them may be for their eyes.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn mentions(&self, name: &str, limit: usize, before: Option<Uuid>) -> Result<CommentPage> {
        let last = before.map_or_else(|| END.to_owned(), |id| id.to_string());
        self.comment_page(&mentions_of(name), ("0".to_owned(), last), limit, false, before).await
    }

    /// The comments between two sort keys, but for the one that was the last of the page before.
    async fn comment_page(
        &self,
        partition: &str,
        (first, last): (String, String),
        limit: usize,
        oldest_first: bool,
        known: Option<Uuid>,
    ) -> Result<CommentPage> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(oldest_first)
            .limit(i32::try_from(limit + 2).unwrap_or(i32::MAX))
            .key_condition_expression("PK = :partition AND SK BETWEEN :first AND :last")
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(last));
        let mut pages = query.into_paginator().items().send();
        let mut comments: Vec<Comment> = Vec::new();
        while comments.len() <= limit
            && let Some(row) = pages.next().await
        {
            let comment: Comment = rows::read(row.map_err(rows::failed)?)?;
            if Some(comment.id) != known {
                comments.push(comment);
            }
        }
        let is_cut = comments.len() > limit;
        comments.truncate(limit);
        Ok(CommentPage { next: comments.last().filter(|_| is_cut).map(|comment| comment.id), comments })
    }

    /// Resolves an open comment, or opens a resolved one again; the comment as it is then. Others may be faster to do the
    /// same.
    ///
    /// # Errors
    /// Returns [`Contended`](crate::Error::Contended) if others change it meanwhile,
    /// [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn resolve_comment(&self, comment: &Comment, resolution: Option<Resolution>) -> Result<Comment> {
        if comment.resolution.is_some() == resolution.is_some() {
            return Ok(comment.clone());
        }
        let open = if resolution.is_some() { -1 } else { 1 };
        let was = if open < 0 { "attribute_not_exists" } else { "attribute_exists" };
        let changed = Comment { resolution, ..comment.clone() };
        let condition = format!("attribute_exists(PK) AND {was}(resolution)");
        let comment_row = Put::builder().table_name(&self.table).set_item(Some(row(&changed)?));
        let mut writes =
            vec![put(comment_row.condition_expression(condition))?, self.counted_comments(comment.task, 0, open)?];
        for name in &changed.mentions {
            writes.push(self.put_row(rows::write(&mentions_of(name), &changed.id.to_string(), &changed)?)?);
        }
        if self.write_all(writes).await?.is_empty() {
            return Ok(changed);
        }
        Err(Error::Contended)
    }

    /// Removes a comment with all that was written with it; none is fine.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn remove_comment(&self, comment: &Comment) -> Result<()> {
        let open = if comment.resolution.is_some() { 0 } else { -1 };
        let was = if open < 0 { "attribute_not_exists" } else { "attribute_exists" };
        let key = rows::key(&discussion_of(comment.task), &format!("{COMMENT}{}", comment.id));
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
        let delete = delete.condition_expression(format!("attribute_exists(PK) AND {was}(resolution)"));
        let delete = delete.build().map_err(|error| Error::Internal(error.to_string()))?;
        let mut writes =
            vec![TransactWriteItem::builder().delete(delete).build(), self.counted_comments(comment.task, -1, open)?];
        for (partition, sort) in beside(comment) {
            let delete = Delete::builder().table_name(&self.table).set_key(Some(rows::key(&partition, &sort))).build();
            let delete = delete.map_err(|error| Error::Internal(error.to_string()))?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        if self.write_all(writes).await?.is_empty() || self.comment(comment.task, comment.id).await?.is_none() {
            return Ok(());
        }
        Err(Error::Contended)
    }

    /// Removes every comment on a task that is being removed for good, and what counts them. Safe to repeat.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn remove_comments(&self, task: &Task) -> Result<()> {
        let partition = discussion_of(task.id);
        loop {
            let rows = self.rows_of(&partition).send().await.map_err(rows::failed)?;
            let is_cut = rows.last_evaluated_key.is_some();
            for row in rows.items.unwrap_or_default() {
                let key = rows::key(&partition, rows::sort_key(&row));
                if rows::sort_key(&row).starts_with(COMMENT) {
                    for (partition, sort) in beside(&rows::read(row)?) {
                        self.remove_row(rows::key(&partition, &sort)).await?;
                    }
                }
                // The comment's own row goes last: as long as it is there, whoever is interrupted begins again.
                self.remove_row(key).await?;
            }
            if !is_cut {
                return Ok(());
            }
        }
    }

    /// Removes comments that somebody wrote on whatever tasks, and what tells them of others' that mention them; whether
    /// that were all of them.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn erase_comments_of(&self, name: &str) -> Result<bool> {
        let written = self.rows_of(&written_by(name)).send().await.map_err(rows::failed)?;
        for row in written.items.unwrap_or_default() {
            let Written { comment, task } = rows::read(row)?;
            if let Some(comment) = self.comment(task, comment).await? {
                self.remove_comment(&comment).await?;
            }
            self.remove_row(rows::key(&written_by(name), &comment.to_string())).await?;
        }
        let told = self.rows_of(&mentions_of(name)).send().await.map_err(rows::failed)?;
        for row in told.items.unwrap_or_default() {
            self.remove_row(rows::key(&mentions_of(name), rows::sort_key(&row))).await?;
        }
        Ok(written.last_evaluated_key.is_none() && told.last_evaluated_key.is_none())
    }

    /// The rows of a partition, the first of them.
    fn rows_of(&self, partition: &str) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table).consistent_read(true).limit(REMOVED_AT_ONCE);
        let query = query.key_condition_expression("PK = :partition");
        query.expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
    }

    /// How many comments somebody has written within the last minutes, as far as that matters.
    async fn written_lately(&self, name: &str, now: Timestamp) -> Result<u64> {
        let since = u64::try_from((now - WINDOW).as_millisecond()).unwrap_or_default();
        let since = Builder::from_unix_timestamp_millis(since, &[0; 10]).into_uuid();
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .select(Select::Count)
            .limit(i32::try_from(MOST_AT_ONCE).unwrap_or(i32::MAX))
            .key_condition_expression("PK = :author AND SK > :since")
            .expression_attribute_values(":author", AttributeValue::S(written_by(name)))
            .expression_attribute_values(":since", AttributeValue::S(since.to_string()));
        Ok(u64::try_from(query.send().await.map_err(rows::failed)?.count).unwrap_or_default())
    }

    /// So many comments, and open ones among them, more or fewer on the task.
    fn counted_comments(&self, task: Uuid, comments: i32, open: i32) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(rows::key(&discussion_of(task), DISCUSSION)))
            .update_expression("ADD comments :comments, open_comments :open")
            .expression_attribute_values(":comments", rows::number(comments))
            .expression_attribute_values(":open", rows::number(open));
        let update = if comments > 0 {
            let update = update.condition_expression("attribute_not_exists(comments) OR comments < :most");
            update.expression_attribute_values(":most", rows::number(MAX_COMMENTS))
        } else {
            update
        };
        let update = update.build().map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn put_row(&self, row: rows::Row) -> Result<TransactWriteItem> {
        put(Put::builder().table_name(&self.table).set_item(Some(row)))
    }
}

fn row(comment: &Comment) -> Result<rows::Row> {
    rows::write(&discussion_of(comment.task), &format!("{COMMENT}{}", comment.id), comment)
}

/// The keys of the rows that are written with a comment.
fn beside(comment: &Comment) -> Vec<(String, String)> {
    let mentions = comment.mentions.iter().map(String::as_str).map(mentions_of);
    mentions.chain([written_by(&comment.by)]).map(|partition| (partition, comment.id.to_string())).collect()
}

/// The partition of what somebody wrote.
fn written_by(name: &str) -> String {
    format!("COMMENTS#{name}")
}

/// The partition of comments that mention somebody.
fn mentions_of(name: &str) -> String {
    format!("MENTIONS#{name}")
}
