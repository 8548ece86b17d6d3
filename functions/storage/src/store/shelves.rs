//! What people keep for themselves or for everybody, under a name of their own choice: views, styles, collections.
//!
//! Each has one row: under its owner, or among those of everybody, which one query each reads. What lists show is its
//! `label`, the rest is its `content`.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, Select, TransactWriteItem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::changes::{Saved, put};
use super::{Store, rows};
use crate::error::{Error, Result};

/// Most of one kind that one person keeps, and that are kept for everybody: one answer lists them all.
pub const MAX_KEPT: usize = 50;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShelfKind {
    /// Filters of a list of tasks, under a name.
    Views,
    /// Words and settings that go with many prompts.
    Styles,
    /// Ordered sets of images.
    Collections,
}

/// Something that somebody keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is found by, among those of its owner or of everybody.
    pub key: String,
    /// Who keeps it.
    pub owner: String,
    /// Whether it is for everybody.
    pub shared: bool,
    /// Counts the changes, from 1.
    pub version: u64,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What lists show.
    #[serde(default)]
    pub label: Map<String, Value>,
    /// What only who asks for it by its key sees.
    #[serde(default)]
    pub content: Map<String, Value>,
}

impl ShelfKind {
    const ALL: [Self; 3] = [Self::Views, Self::Styles, Self::Collections];

    fn name(self) -> &'static str {
        match self {
            Self::Views => "VIEWS",
            Self::Styles => "STYLES",
            Self::Collections => "COLLECTIONS",
        }
    }

    /// The partition of one person's, or of everybody's.
    fn partition(self, owner: Option<&str>) -> String {
        match owner {
            Some(owner) => format!("{KEPT}{}#{owner}", self.name()),
            None => format!("{KEPT}{}", self.name()),
        }
    }
}

/// What all partitions begin with.
pub(super) const KEPT: &str = "KEPT#";

impl Kept {
    fn partition(&self, kind: ShelfKind) -> String {
        kind.partition(Some(self.owner.as_str()).filter(|_| !self.shared))
    }
}

impl Store {
    /// What this person keeps, then what is kept for everybody, without its content.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn shelf(&self, kind: ShelfKind, owner: &str) -> Result<Vec<Kept>> {
        let mut kept = self.shelf_of(&kind.partition(Some(owner))).await?;
        kept.extend(self.shelf_of(&kind.partition(None)).await?);
        Ok(kept)
    }

    async fn shelf_of(&self, partition: &str) -> Result<Vec<Kept>> {
        let mut query = self.partition(partition).projection_expression("#key, #owner, #shared, #version, #at, #label");
        for (name, attribute) in [
            ("#key", "key"),
            ("#owner", "owner"),
            ("#shared", "shared"),
            ("#version", "version"),
            ("#at", "updated_at"),
            ("#label", "label"),
        ] {
            query = query.expression_attribute_names(name, attribute);
        }
        rows::all(query, Some(2 * MAX_KEPT)).await?.into_iter().map(rows::read).collect()
    }

    /// What this person keeps under the key, else what is kept for everybody under it.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn kept(&self, kind: ShelfKind, owner: &str, key: &str) -> Result<Option<Kept>> {
        for partition in [kind.partition(Some(owner)), kind.partition(None)] {
            let found = self.row(&partition, key).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// How many this person keeps, or are kept for everybody.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn shelf_count(&self, kind: ShelfKind, owner: Option<&str>) -> Result<usize> {
        let query = self.partition(&kind.partition(owner)).select(Select::Count);
        Ok(usize::try_from(query.send().await.map_err(rows::failed)?.count).unwrap_or_default())
    }

    /// Keeps something in the place of `before`, or as something new, unless others changed it meanwhile.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn keep(&self, kind: ShelfKind, kept: &Kept, before: Option<&Kept>) -> Result<Saved> {
        let (place, row) = (kept.partition(kind), rows::write(&kept.partition(kind), &kept.key, kept)?);
        let moves = before.filter(|before| before.partition(kind) != place);
        let mut writes = vec![match before.filter(|_| moves.is_none()) {
            None => self.new_row(row)?,
            Some(before) => put(Put::builder()
                .table_name(&self.table)
                .set_item(Some(row))
                .condition_expression("#version = :seen")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":seen", rows::number(before.version)))?,
        }];
        if let Some(before) = moves {
            let delete = Delete::builder()
                .table_name(&self.table)
                .set_key(Some(rows::key(&before.partition(kind), &before.key)))
                .condition_expression("#version = :seen")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":seen", rows::number(before.version))
                .build()
                .map_err(|error| Error::Internal(error.to_string()))?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        Ok(if self.write_all(writes).await?.is_empty() { Saved::Done } else { Saved::Stale })
    }

    /// Keeps something no longer.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn discard(&self, kind: ShelfKind, kept: &Kept) -> Result<()> {
        self.forget(&kept.partition(kind), &kept.key).await
    }

    /// Removes everything that this person keeps, for themselves or for everybody.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails; the next call removes the rest.
    pub async fn clear_shelves(&self, owner: &str) -> Result<()> {
        for kind in ShelfKind::ALL {
            for partition in [kind.partition(Some(owner)), kind.partition(None)] {
                let query = self
                    .partition(&partition)
                    .filter_expression("#owner = :owner")
                    .expression_attribute_names("#owner", "owner")
                    .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()));
                for row in rows::all(query, None).await? {
                    self.forget(&partition, rows::sort_key(&row)).await?;
                }
            }
        }
        Ok(())
    }
}
