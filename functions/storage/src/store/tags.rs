//! Which tasks have a tag, to list them by it.
//!
//! A task has a row for each of its tags among everybody's tasks and one among its owner's, written in the transaction that
//! gives it the tag. The rows of a partition sort by the tag in lower case, then by the task's id, and hold nothing else:
//! they tell which tags begin with a text, and which tasks have one of these, and a list reads the tasks themselves. They
//! are spread over shards as the keys of the [indexes](super::indexes) are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Store;
use super::changes::put;
use super::filter::Filter;
use super::indexes::{SHARDS, shard};
use super::rows::{self, Row, SEPARATOR, sortable};
use crate::error::{Error, Result};
use easel_domain::task::{Status, Task};

/// What all partitions begin with, and both keys of the row that says how far the tags of older tasks are written.
pub(super) const TAGGED: &str = "TAGGED";
/// So many tags that begin with a text are looked up one by one. More of them are on so many tasks that any list meets some
/// soon.
const MOST_TAGS: usize = 8;
/// How many older tasks are read at once, and for how long a call writes their tags.
const AT_ONCE: usize = 100;
const WRITES_FOR: Duration = Duration::from_secs(20);

/// One tag's rows in one partition.
#[derive(Debug, Clone)]
pub(super) struct Tagged {
    partition: String,
    /// As it sorts.
    tag: String,
}

/// How far the tags of tasks that were made before there were such rows are written.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    complete: bool,
    /// The tasks behind this one, from the newest to the oldest, are left.
    behind: Option<Uuid>,
}

impl Tagged {
    /// The sort key of the row of a task.
    pub(super) fn sort_key(&self, task: Uuid) -> String {
        sort_key(&self.tag, task)
    }

    pub(super) fn partition(&self) -> &str {
        &self.partition
    }
}

impl Store {
    /// The writes that give a new task the rows of its tags.
    pub(super) fn tagged(&self, task: &Task) -> Result<Vec<TransactWriteItem>> {
        keys(task.id, &task.owner, &task.tags).into_iter().map(|key| self.tag_row(key)).collect()
    }

    /// The writes by which a task gets the rows of its tags in the place of those that it had.
    pub(super) async fn retagged(&self, task: &Task) -> Result<Vec<TransactWriteItem>> {
        let had = self.find(task.id).await?.map(|before| keys(task.id, &before.owner, &before.tags));
        let (had, has) = (had.unwrap_or_default(), keys(task.id, &task.owner, &task.tags));
        let gone = had.difference(&has).map(|(partition, sort)| {
            let delete = Delete::builder().table_name(&self.table).set_key(Some(rows::key(partition, sort))).build();
            let delete = delete.map_err(|error| Error::Internal(error.to_string()))?;
            Ok(TransactWriteItem::builder().delete(delete).build())
        });
        gone.chain(has.difference(&had).map(|key| self.tag_row(key.clone()))).collect()
    }

    /// Removes the rows of a task's tags.
    pub(super) async fn untag(&self, task: &Task) -> Result<()> {
        for (partition, sort) in keys(task.id, &task.owner, &task.tags) {
            self.forget(&partition, &sort).await?;
        }
        Ok(())
    }

    fn tag_row(&self, (partition, sort): (String, String)) -> Result<TransactWriteItem> {
        put(Put::builder().table_name(&self.table).set_item(Some(rows::key(&partition, &sort))))
    }

    /// Where the tasks of a filter are that are asked for by a tag; `None` if rows of tags do not lead to all of them, or
    /// not sooner than other lists.
    pub(super) async fn with_tags(&self, filter: &Filter) -> Result<Option<Vec<Tagged>>> {
        let Some(prefix) = filter.tag_prefix.as_deref() else { return Ok(None) };
        let prefix = sortable(prefix);
        if prefix.is_empty() || !self.tags_are_complete().await? {
            return Ok(None);
        }
        let mut reads = Vec::new();
        for shard in 0..SHARDS {
            let (store, prefix, partition) = (self.clone(), prefix.clone(), partition(filter.owner.as_deref(), shard));
            reads.push(tokio::spawn(async move { store.tags_of(partition, &prefix).await }));
        }
        let mut found = Vec::new();
        for read in reads {
            let tags = read.await.map_err(|error| Error::Internal(error.to_string()))??;
            if tags.len() > MOST_TAGS {
                return Ok(None);
            }
            found.extend(tags);
        }
        Ok(Some(found))
    }

    /// The tags of a partition that begin like this; one more than are looked up, if there are as many.
    async fn tags_of(&self, partition: String, prefix: &str) -> Result<Vec<Tagged>> {
        let rows = self.first_of_each_name(&partition, prefix, MOST_TAGS + 1).await?;
        let tags = rows.iter().map(|row| rows::name(row).to_owned());
        Ok(tags.map(|tag| Tagged { partition: partition.clone(), tag }).collect())
    }

    /// Whether every task has the rows of its tags; once it is so, it stays so.
    async fn tags_are_complete(&self) -> Result<bool> {
        let row = (TAGGED.to_owned(), TAGGED.to_owned());
        if !self.noted.has(&row) {
            if !self.tags_written().await?.complete {
                return Ok(false);
            }
            self.noted.add(row);
        }
        Ok(true)
    }

    async fn tags_written(&self) -> Result<Written> {
        Ok(self.row(TAGGED, TAGGED).await?.unwrap_or_default())
    }

    /// Writes the rows of the tags of tasks that were made before there were such rows, for a while at most, and goes on
    /// where the last call ended; whether every task has them by now.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn write_tags(&self) -> Result<bool> {
        if self.tags_are_complete().await? {
            return Ok(true);
        }
        let (mut written, ends) = (self.tags_written().await?, Instant::now() + WRITES_FOR);
        let everything = Filter { statuses: Status::ALL.to_vec(), ..Filter::default() };
        while !written.complete && Instant::now() < ends {
            let page = self.list(&everything, AT_ONCE, written.behind).await?;
            for task in page.tasks.iter().filter(|task| !task.tags.is_empty()) {
                self.tag(task.id).await?;
            }
            written = Written { complete: page.next.is_none(), behind: page.next };
            self.note_tags(&written).await?;
        }
        Ok(written.complete)
    }

    /// Notes how far tags are written. Of two calls at the same time, the slower one undoes nothing.
    async fn note_tags(&self, written: &Written) -> Result<()> {
        let row = Put::builder()
            .table_name(&self.table)
            .set_item(Some(rows::write(TAGGED, TAGGED, written)?))
            .condition_expression("attribute_not_exists(PK) OR #complete = :no")
            .expression_attribute_names("#complete", "complete")
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        self.write_all(vec![put(row)?]).await.map(drop)
    }

    /// Notes that every task of a new table has the rows of its tags.
    pub(super) async fn has_all_tags(&self) -> Result<()> {
        self.note_tags(&Written { complete: true, behind: None }).await
    }

    /// Gives a task the rows of its tags, unless it is gone.
    async fn tag(&self, id: Uuid) -> Result<()> {
        while let Some(task) = self.find(id).await? {
            let writes = [vec![self.unmoved(&task)?], self.tagged(&task)?].concat();
            if self.write_all(writes).await?.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// The keys of the rows of a task's tags; tags that differ in case alone have one row.
fn keys(id: Uuid, owner: &str, tags: &[String]) -> BTreeSet<(String, String)> {
    let shard = shard(id, SHARDS);
    let partitions = [partition(None, shard), partition(Some(owner), shard)];
    let keys = tags.iter().map(|tag| sortable(tag)).flat_map(|tag| {
        let sort = sort_key(&tag, id);
        partitions.clone().map(|partition| (partition, sort.clone()))
    });
    keys.collect()
}

/// One shard of everybody's tasks, or of one owner's.
fn partition(owner: Option<&str>, shard: u8) -> String {
    match owner {
        Some(owner) => format!("{TAGGED}#{owner}#{shard}"),
        None => format!("{TAGGED}#{shard}"),
    }
}

fn sort_key(tag: &str, task: Uuid) -> String {
    format!("{tag}{SEPARATOR}{task}")
}

/// The task whose row this is.
pub(super) fn task_of(row: &Row) -> Option<Uuid> {
    rows::sort_key(row).rsplit(SEPARATOR).next()?.parse().ok()
}
