//! The indexes that lists read.
//!
//! | index | `HASH` | `RANGE` |
//! |---|---|---|
//! | `tasks_by_status` | `status_shard`: `{status}#{shard}` | `id` |
//! | `tasks_by_owner` | `owner_shard`: `{owner}#{shard}` | `id` |
//!
//! Both project what lists show ([`LISTED`]) and nothing else: moves of a task with long metadata cost an index no more
//! than those of one without. A task's shard follows from its id. `DynamoDB` takes about 1,000 write units a second for
//! one key of an index. A usual task takes 2 or 3 for each move, the largest about 60, and twice that where a move takes it
//! from one key to another: spread over [`SHARDS`] keys, one person may make 10 of the largest tasks a second, and hundreds
//! of usual ones. A test computes that from the limits.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType};
use uuid::Uuid;

/// The index by state.
pub(super) const BY_STATUS: Index = Index { name: "tasks_by_status", key: "status_shard" };
/// The index by owner.
pub(super) const BY_OWNER: Index = Index { name: "tasks_by_owner", key: "owner_shard" };
/// Both.
pub(super) const INDEXES: [Index; 2] = [BY_STATUS, BY_OWNER];
/// How many keys the tasks of a state or of an owner are spread over.
pub(super) const SHARDS: u8 = 4;
/// The attribute that a task is found by: title and prompt in lower case, because DynamoDB compares letter by letter.
pub(super) const TEXT: &str = "text";
/// What lists show, beside the keys.
pub(super) const LISTED: [&str; 14] = [
    "version",
    "status",
    "owner",
    "title",
    "tags",
    "source",
    "created_at",
    "updated_at",
    "attempt",
    "approval",
    "publication",
    "cancellation",
    "deletion",
    TEXT,
];

/// An index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index {
    /// Its name.
    pub(super) name: &'static str,
    /// The attribute that it is by.
    pub(super) key: &'static str,
}

impl Index {
    /// The value of the key of a task in one shard.
    pub(super) fn value(self, of: &str, shard: u8) -> String {
        format!("{of}#{shard}")
    }

    /// The value of the key of the task with this id.
    pub(super) fn value_for(self, of: &str, id: Uuid) -> String {
        self.value(of, shard(id, SHARDS))
    }

    pub(super) fn key_schema(self) -> Result<Vec<KeySchemaElement>, BuildError> {
        let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        Ok(vec![key(self.key, KeyType::Hash)?, key("id", KeyType::Range)?])
    }

    pub(super) fn projection() -> Projection {
        let listed = LISTED.map(str::to_owned).to_vec();
        Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(listed)).build()
    }

    pub(super) fn definition(self) -> Result<GlobalSecondaryIndex, BuildError> {
        let index = GlobalSecondaryIndex::builder().index_name(self.name).projection(Self::projection());
        index.set_key_schema(Some(self.key_schema()?)).build()
    }
}

/// Which of `shards` the task is in; the end of an id is random.
pub(super) fn shard(id: Uuid, shards: u8) -> u8 {
    id.as_bytes()[15] % shards
}
