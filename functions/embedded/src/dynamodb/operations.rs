//! DynamoDB's protocol over dynoxide: the operations that Easel and its users need; the others are unknown.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// The name of the operation that the header `X-Amz-Target` asks for.
pub(super) fn named(target: &str) -> Option<&str> {
    target.strip_prefix(TARGET_PREFIX)
}

/// Carries out an operation; `None` if there is none of this name. It waits for the disk.
///
/// # Errors
/// Returns what DynamoDB answers instead of a result.
pub(super) fn run(database: &Database, operation: &str, body: &[u8]) -> Option<dynoxide::Result<String>> {
    Some(match operation {
        "CreateTable" => answer(body, |input| database.create_table(input)),
        "DeleteTable" => answer(body, |input| database.delete_table(input)),
        "DescribeTable" => answer(body, |input| database.describe_table(input)),
        "ListTables" => answer(body, |input| database.list_tables(input)),
        "UpdateTable" => answer(body, |input| database.update_table(input)),
        "UpdateTimeToLive" => answer(body, |input| database.update_time_to_live(input)),
        "DescribeTimeToLive" => answer(body, |input| database.describe_time_to_live(input)),
        "PutItem" => answer(body, |input| database.put_item(input)),
        "GetItem" => answer(body, |input| database.get_item(input)),
        "UpdateItem" => answer(body, |input| database.update_item(input)),
        "DeleteItem" => answer(body, |input| database.delete_item(input)),
        "Query" => answer(body, |input| database.query(input)),
        "Scan" => answer(body, |input| database.scan(input)),
        "BatchGetItem" => answer(body, |input| database.batch_get_item(input)),
        "BatchWriteItem" => answer(body, |input| database.batch_write_item(input)),
        "TransactGetItems" => answer(body, |input| database.transact_get_items(input)),
        "TransactWriteItems" => answer(body, |input| database.transact_write_items(input)),
        _ => return None,
    })
}

fn answer<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    operation: impl FnOnce(I) -> dynoxide::Result<O>,
) -> dynoxide::Result<String> {
    let input = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let output = operation(input)?;
    serde_json::to_string(&output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Dynoxide's types mark what is wrong with a value, rather than with the JSON.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let message = error.to_string();
    let of_value = ["VALIDATION_REQUEST:", "VALIDATION:"].iter().find_map(|mark| message.strip_prefix(mark));
    match of_value {
        Some(reason) => DynoxideError::ValidationException(reason.to_owned()),
        None => DynoxideError::SerializationException(message.trim_start_matches("SERIALIZATION:").to_owned()),
    }
}
