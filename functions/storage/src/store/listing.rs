//! Lists of tasks, newest or oldest first, page by page.
//!
//! Ids are `UUIDv7`, so the order of ids is the order of creation, and the last id of a page is where the next begins.

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::filter::Filter;
use super::indexes::{BY_OWNER, BY_STATUS, Index, LISTED, SHARDS, TEXT};
use super::rows::Row;
use super::tags::{self, Tagged};
use super::{Store, rows};
use crate::error::Result;
use easel_domain::task::{Status, Task};

/// How often one source is read for a page, when most rows are left out by a filter or most tasks are in one source; the
/// cursor continues from there.
const MOST_READS: usize = 6;
/// How many rows of a source a search looks at in each read.
const SEARCHED: usize = 100;

/// A part of a list. Lists show less than a task has: its tasks are without metadata and earlier attempts, and nobody makes
/// a move on one before reading it by its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the filter's order.
    pub tasks: Vec<Task>,
    /// Where the next page begins: behind this id. `None` is the end of the list.
    pub next: Option<Uuid>,
}

/// What leads to tasks in the order of their ids.
#[derive(Debug, Clone)]
enum Source {
    /// One key of an index, which has what lists show.
    Key(Index, String),
    /// The rows of a tag.
    Tag(Tagged),
}

/// One source's part of a page.
struct Part {
    tasks: Vec<Task>,
    /// The id up to which, in the filter's order, the source has been read; `None` if to its end.
    read_to: Option<Uuid>,
}

impl Store {
    /// Up to `limit` tasks that come behind the one with the id `behind` in the filter's order.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn list(&self, filter: &Filter, limit: usize, behind: Option<Uuid>) -> Result<Page> {
        let tags = self.with_tags(filter).await?;
        let is_filtered = match tags {
            Some(_) => !filter.statuses.is_empty(),
            None => filter.tag_prefix.is_some() || (filter.owner.is_some() && !filter.statuses.is_empty()),
        };
        // A search is as long for a few as for many. Otherwise each source is likely to have its share of the page.
        let is_search = is_filtered || filter.is_search();
        let rows = if is_search { SEARCHED } else { limit / usize::from(SHARDS) * 3 / 2 + 2 };
        let sources = tags.map_or_else(|| keys(filter), |tags| tags.into_iter().map(Source::Tag).collect());
        let mut parts: Vec<_> = sources.iter().map(|_| Part { tasks: Vec::new(), read_to: behind }).collect();
        let mut behind: Vec<_> = (0..sources.len()).collect();
        for _ in 0..MOST_READS {
            let mut reads = Vec::new();
            for place in behind {
                let (store, filter, source, read_to) =
                    (self.clone(), filter.clone(), sources[place].clone(), parts[place].read_to);
                reads.push((place, tokio::spawn(async move { store.part(&source, rows, &filter, read_to).await })));
            }
            for (place, read) in reads {
                let mut next = read.await.map_err(|error| crate::Error::Internal(error.to_string()))??;
                parts[place].tasks.append(&mut next.tasks);
                parts[place].read_to = next.read_to;
            }
            let read_to = read_to(&parts, filter.oldest_first);
            let is_read = |task: &&Task| is_within(task.id, read_to, filter.oldest_first);
            let known = parts.iter().flat_map(|part| &part.tasks).filter(is_read).count();
            if read_to.is_none() || known > limit {
                break;
            }
            behind = (0..sources.len())
                .filter(|place| parts[*place].read_to.is_some_and(|id| is_search || Some(id) == read_to))
                .collect();
        }
        Ok(merge(parts, limit, filter.oldest_first))
    }

    /// What the next rows of a source lead to, behind an id.
    async fn part(&self, source: &Source, rows: usize, filter: &Filter, behind: Option<Uuid>) -> Result<Part> {
        let Some(ids) = filter.ids(behind) else { return Ok(Part { tasks: Vec::new(), read_to: None }) };
        let (found, read_to) = match source {
            Source::Key(index, key) => self.listed(*index, key, rows, filter, ids).await?,
            Source::Tag(tag) => self.listed_with_tag(tag, rows, filter, ids).await?,
        };
        let tasks = found.into_iter().map(rows::read::<Task>).collect::<Result<_>>()?;
        Ok(Part { tasks, read_to })
    }

    /// The next rows of a key of an index that are wanted, and the id up to which they were read.
    async fn listed(
        &self,
        index: Index,
        key: &str,
        rows: usize,
        filter: &Filter,
        (first, last): (Uuid, Uuid),
    ) -> Result<(Vec<Row>, Option<Uuid>)> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index.name)
            .scan_index_forward(filter.oldest_first)
            .limit(i32::try_from(rows).unwrap_or(i32::MAX))
            .expression_attribute_names("#key", index.key)
            .key_condition_expression("#key = :key AND id BETWEEN :first AND :last")
            .expression_attribute_values(":key", AttributeValue::S(key.to_owned()))
            .expression_attribute_values(":first", AttributeValue::S(first.to_string()))
            .expression_attribute_values(":last", AttributeValue::S(last.to_string()));
        let mut left_out = Vec::new();
        if index == BY_OWNER {
            let statuses: Vec<_> = filter.statuses().into_iter().map(Status::as_str).collect();
            let names: Vec<_> = statuses.iter().map(|status| format!(":{status}")).collect();
            left_out.push(format!("#status IN ({})", names.join(", ")));
            query = query.expression_attribute_names("#status", "status");
            for (name, status) in names.into_iter().zip(statuses) {
                query = query.expression_attribute_values(name, AttributeValue::S(status.to_owned()));
            }
        }
        if let Some(attempt) = filter.attempt {
            left_out.push("attempt.#number >= :attempt".to_owned());
            query = query
                .expression_attribute_names("#number", "number")
                .expression_attribute_values(":attempt", rows::number(attempt));
        }
        if let Some(text) = &filter.text {
            left_out.push("contains(#text, :text)".to_owned());
            query = query
                .expression_attribute_names("#text", TEXT)
                .expression_attribute_values(":text", AttributeValue::S(rows::lowercase(text)));
        }
        if !left_out.is_empty() {
            query = query.filter_expression(left_out.join(" AND "));
        }
        let found = query.send().await.map_err(rows::failed)?;
        let kept = found.items.unwrap_or_default().into_iter().filter(|row| filter.keeps(row)).collect();
        let last = found.last_evaluated_key.as_ref().and_then(|key| key.get("id")?.as_s().ok()?.parse().ok());
        Ok((kept, last))
    }

    /// The rows of the tasks that the next rows of a tag lead to, as far as they are wanted, and the id up to which they were
    /// read.
    async fn listed_with_tag(
        &self,
        tag: &Tagged,
        rows: usize,
        filter: &Filter,
        (first, last): (Uuid, Uuid),
    ) -> Result<(Vec<Row>, Option<Uuid>)> {
        let query = self.between(tag.partition(), &tag.sort_key(first), &tag.sort_key(last));
        let query = query.scan_index_forward(filter.oldest_first).limit(i32::try_from(rows).unwrap_or(i32::MAX));
        let found = query.send().await.map_err(rows::failed)?;
        let ids = found.items.unwrap_or_default().iter().filter_map(tags::task_of).collect::<Vec<_>>();
        let keys = ids.iter().map(|id| rows::key(&rows::task_partition(*id), rows::TASK)).collect();
        let mut found_tasks = self.rows(keys, &[&LISTED[..], &["id"]].concat()).await?;
        found_tasks.retain(|row| filter.wants(row));
        Ok((found_tasks, found.last_evaluated_key.as_ref().and_then(tags::task_of)))
    }
}

/// The keys of the index that a filter's tasks are found by.
fn keys(filter: &Filter) -> Vec<Source> {
    let (index, values) = match &filter.owner {
        Some(owner) => (BY_OWNER, vec![owner.as_str()]),
        None => (BY_STATUS, filter.statuses().into_iter().map(Status::as_str).collect()),
    };
    let keys = values.into_iter().flat_map(|value| (0..SHARDS).map(move |shard| index.value(value, shard)));
    keys.map(|key| Source::Key(index, key)).collect()
}

/// Behind this id, some part may hold tasks that have not been read; `None` if all have been.
fn read_to(parts: &[Part], oldest_first: bool) -> Option<Uuid> {
    let read = parts.iter().filter_map(|part| part.read_to);
    if oldest_first { read.min() } else { read.max() }
}

fn is_within(id: Uuid, read_to: Option<Uuid>, oldest_first: bool) -> bool {
    read_to.is_none_or(|last| if oldest_first { id <= last } else { id >= last })
}

/// The first of all parts, as far as every part has been read.
fn merge(parts: Vec<Part>, limit: usize, oldest_first: bool) -> Page {
    let read_to = read_to(&parts, oldest_first);
    let mut tasks: Vec<_> = parts.into_iter().flat_map(|part| part.tasks).collect();
    tasks.sort_unstable_by_key(|task| task.id);
    if !oldest_first {
        tasks.reverse();
    }
    // A task that moved between two of the reads is in two parts.
    tasks.dedup_by_key(|task| task.id);
    tasks.retain(|task| is_within(task.id, read_to, oldest_first));
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    let next = if more { tasks.last().map(|task| task.id) } else { read_to };
    Page { tasks, next }
}

#[cfg(test)]
mod tests {

    use jiff::Timestamp;

    use super::*;
    use easel_domain::Labels;
    use easel_domain::identity::Identity;
    use easel_domain::task::{NewTask, Settings};

    #[test]
    fn parts_are_merged_as_far_as_all_have_been_read() {
        for (oldest_first, parts, limit, shown, next) in [
            // Everything was read and fits.
            (false, [(&[9, 5, 1][..], None), (&[7, 3], None)], 5, &[9, 7, 5, 3, 1][..], None),
            (true, [(&[1, 5, 9], None), (&[3, 7], None)], 5, &[1, 3, 5, 7, 9], None),
            // There is more than fits.
            (false, [(&[9, 5, 1], None), (&[7, 3], None)], 2, &[9, 7], Some(7)),
            (true, [(&[1, 5, 9], None), (&[3, 7], None)], 2, &[1, 3], Some(3)),
            // One part was read less far than the other, whose tasks behind that have to wait.
            (false, [(&[9, 2], None), (&[8], Some(6))], 5, &[9, 8], Some(6)),
            (true, [(&[1, 8], None), (&[2], Some(4))], 5, &[1, 2], Some(4)),
            (false, [(&[9, 2], Some(2)), (&[], Some(6))], 5, &[9], Some(6)),
            (true, [(&[1, 8], Some(8)), (&[], Some(4))], 5, &[1], Some(4)),
            // One task moved from part to part meanwhile.
            (false, [(&[9, 5], None), (&[5, 4], None)], 3, &[9, 5, 4], None),
            (true, [(&[4, 5], None), (&[5, 9], None)], 3, &[4, 5, 9], None),
        ] {
            let parts = parts.map(|(ids, read_to)| Part {
                tasks: ids.iter().copied().map(task).collect(),
                read_to: read_to.map(Uuid::from_u128),
            });
            let page = merge(parts.into(), limit, oldest_first);
            let ids: Vec<_> = page.tasks.iter().map(|task| task.id.as_u128()).collect();
            assert_eq!((ids.as_slice(), page.next.map(|id| id.as_u128())), (shown, next), "{oldest_first}");
        }
    }

    fn task(id: u128) -> Task {
        let new = NewTask {
            id: Uuid::from_u128(id),
            owner: "carla".to_owned(),
            settings: Settings::default(),
            labels: Labels::default(),
            source: None,
            approvals_needed: 1,
        };
        Task::create(new, &Identity::worker("w"), Timestamp::UNIX_EPOCH).0
    }
}
