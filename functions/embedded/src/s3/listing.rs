//! One page of a listing.

use s3s::S3Result;
use s3s::dto::{CommonPrefix, ETag, ListObjectsV2Input, ListObjectsV2Output, ObjectStorageClass};

use super::object::IndexedObject;
use super::store::ObjectStore;
use super::time::timestamp;

/// The most entries that one page has, whatever the client asks for.
const MAXIMAL_KEYS: i32 = 1000;

/// Lists the keys that have the prefix, up to the delimiter, after the continuation token. The token is the last
/// entry of the page before.
pub(super) fn list(store: &ObjectStore, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let after = input.continuation_token.as_deref().max(input.start_after.as_deref()).unwrap_or_default();
    let max_keys = input.max_keys.unwrap_or(MAXIMAL_KEYS).clamp(0, MAXIMAL_KEYS);

    let mut contents = Vec::new();
    let mut common_prefixes = Vec::new();
    let mut last = String::new();
    let mut key_count = 0;
    let mut is_truncated = false;
    store.visit(prefix.max(after), |object| {
        let Some(rest) = object.key.strip_prefix(prefix) else { return false };
        let end = delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        let entry = end.map_or(object.key.as_str(), |end| &object.key[..prefix.len() + end]);
        if entry <= after || entry == last {
            return true;
        }
        if key_count == max_keys {
            is_truncated = max_keys > 0;
            return false;
        }
        key_count += 1;
        last = entry.to_owned();
        if end.is_some() {
            common_prefixes.push(CommonPrefix { prefix: Some(last.clone()) });
        } else {
            contents.push(listed(object));
        }
        true
    })?;

    Ok(ListObjectsV2Output {
        next_continuation_token: is_truncated.then_some(last),
        is_truncated: Some(is_truncated),
        key_count: Some(key_count),
        max_keys: Some(max_keys),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        name: Some(input.bucket),
        prefix: input.prefix,
        delimiter: input.delimiter,
        continuation_token: input.continuation_token,
        start_after: input.start_after,
        ..Default::default()
    })
}

fn listed(object: IndexedObject) -> s3s::dto::Object {
    s3s::dto::Object {
        last_modified: Some(timestamp(object.last_modified)),
        size: i64::try_from(object.size).ok(),
        e_tag: Some(ETag::Strong(object.e_tag)),
        key: Some(object.key),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Default::default()
    }
}
