//! How things of the domain become rows, and how DynamoDB's failures become ours.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::indexes::{BY_OWNER, BY_STATUS, TEXT};
use super::remarks;
use crate::error::{Error, Result};
use easel_domain::task::{Attempt, Task};

pub(super) type Row = HashMap<String, AttributeValue>;

pub(super) const TASK: &str = "TASK";
pub(super) const PROGRESS: &str = "PROGRESS";
/// Earlier attempts sort behind the task, so that one query of the end of its partition reads the whole task.
pub(super) const ATTEMPT: &str = "TASK#ATTEMPT#";
pub(super) const EVENT: &str = "EVENT#";
/// The attribute of a deleted task that is being removed for good: nobody restores it any more.
pub(super) const GOING: &str = "going";
/// The attribute that DynamoDB's time to live looks at, in seconds since 1970.
pub(super) const EXPIRES: &str = "expires";

pub(super) fn task_partition(id: Uuid) -> String {
    format!("TASK#{id}")
}

/// Events sort by version.
pub(super) fn event_sort_key(version: u64) -> String {
    format!("{EVENT}{version:010}")
}

pub(super) fn key(partition: &str, sort: &str) -> Row {
    Row::from([
        ("PK".to_owned(), AttributeValue::S(partition.to_owned())),
        ("SK".to_owned(), AttributeValue::S(sort.to_owned())),
    ])
}

pub(super) fn sort_key(row: &Row) -> &str {
    row.get("SK").and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// Between a name and what comes behind it in a sort key, and what sorts right behind everything that has the name.
pub(super) const SEPARATOR: char = '\u{1}';
pub(super) const BEHIND: char = '\u{2}';
/// How much of a name is in a sort key, which holds 1,024 bytes.
const SORTED: usize = 100;

/// What a name sorts by: alike in whatever case, and without the characters that end it in a sort key.
pub(super) fn sortable(name: &str) -> String {
    lowercase(name).chars().filter(|letter| !letter.is_control()).take(SORTED).collect()
}

/// The name that a row's sort key begins with.
pub(super) fn name(row: &Row) -> &str {
    sort_key(row).split(SEPARATOR).next().unwrap_or_default()
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A row with everything in `value`.
pub(super) fn write(partition: &str, sort: &str, value: &impl Serialize) -> Result<Row> {
    let row: Row = serde_dynamo::to_item(value).map_err(|error| Error::Internal(format!("writing a row: {error}")))?;
    Ok(row.into_iter().chain(key(partition, sort)).collect())
}

/// A task's row, which holds the current attempt alone.
pub(super) fn task(task: &Task) -> Result<Row> {
    let mut row = write(&task_partition(task.id), TASK, task)?;
    row.remove("earlier_attempts");
    remarks::set_apart(&mut row);
    let text = format!("{}\n{}", task.title.as_deref().unwrap_or_default(), task.attempt.settings.prompt);
    row.insert(TEXT.to_owned(), AttributeValue::S(lowercase(&text)));
    for (index, of) in [(BY_STATUS, task.status.as_str()), (BY_OWNER, task.owner.as_str())] {
        row.insert(index.key.to_owned(), AttributeValue::S(index.value_for(of, task.id)));
    }
    Ok(row)
}

/// The task in its row, or in that of an index, which has less.
pub(super) fn read_task(mut row: Row) -> Result<Task> {
    remarks::put_back(&mut row);
    read(row)
}

/// The row of an earlier attempt.
pub(super) fn attempt(task: Uuid, attempt: &Attempt) -> Result<Row> {
    write(&task_partition(task), &format!("{ATTEMPT}{:04}", attempt.number), attempt)
}

/// Each letter by itself, so that a part of a text is also a part of it in lower case. `str::to_lowercase` looks at a
/// sigma's neighbours.
pub(super) fn lowercase(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// What a row holds.
pub(super) fn read<T: DeserializeOwned>(row: Row) -> Result<T> {
    let name =
        format!("{} {}", row.get("PK").and_then(|value| value.as_s().ok()).map_or("", String::as_str), sort_key(&row));
    serde_dynamo::from_item(row).map_err(|error| Error::Internal(format!("the row {name} cannot be read: {error}")))
}

/// What DynamoDB still refuses after the client's retries.
pub(super) fn failed<E>(error: SdkError<E>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if error.code() == Some("ValidationException") {
        return Error::Internal(format!("DynamoDB does not understand: {}", DisplayErrorContext(&error)));
    }
    Error::of_service("DynamoDB", &error)
}

/// Everything that a query finds; at most `limit` rows, if any.
///
/// # Errors
/// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
pub(super) async fn all(query: QueryFluentBuilder, limit: Option<usize>) -> Result<Vec<Row>> {
    let query = query.set_limit(limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)));
    let mut pages = query.into_paginator().items().send();
    let mut found = Vec::new();
    while limit.is_none_or(|limit| found.len() < limit)
        && let Some(row) = pages.next().await
    {
        found.push(row.map_err(failed)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_is_found_in_whatever_case() {
        for (text, part) in [
            ("a red Heart", "A RED"),
            ("ein GROSSES Ölbild", "öLB"),
            ("ΟΔΟΣΑ", "οδοΣ"),
            ("ВЕЧЕР в порту", "вечер В"),
            ("İstanbul", "İST"),
            ("夜の港", "の"),
        ] {
            assert!(lowercase(text).contains(&lowercase(part)), "{part} in {text}");
        }
        assert!(!lowercase("a red heart").contains(&lowercase("a red hearts")));
    }
}
