//! The names that tasks have, owners and tags, to suggest them by their beginning.
//!
//! A name is noted before a task has it, and stays for a while after. One row a name and owner, so that everything of an
//! owner can be erased; the same rows under `NAMES` for those who see everybody's tasks, and under `NAMES#{owner}`. Names of
//! tasks that were made before names were noted are found by lists all the same, only not suggested.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::Store;
use super::rows::{self, SEPARATOR};
use crate::error::{Error, Result};

pub(super) const NAMES: &str = "NAMES";
/// How long a name is suggested after its last use.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// What kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// Who asked for tasks.
    Owner,
    /// What tasks are labelled with.
    Tag,
}

#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    expires: i64,
}

impl NameKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Owner => "OWNER#",
            Self::Tag => "TAG#",
        }
    }

    /// What the sort keys of all names begin with that begin like this.
    fn sort_prefix(self, name: &str) -> String {
        format!("{}{}", self.prefix(), rows::sortable(name))
    }

    fn sort_key(self, name: &str, owner: &str) -> String {
        let owner = hex::encode(&Sha256::digest(owner)[..8]);
        format!("{}{SEPARATOR}{owner}", self.sort_prefix(name))
    }
}

impl Store {
    /// Notes that a task of this owner has these tags.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub(super) async fn note_names(&self, owner: &str, tags: &[String]) -> Result<()> {
        let mut rows = vec![(NAMES.to_owned(), NameKind::Owner, owner)];
        for tag in tags {
            rows.push((NAMES.to_owned(), NameKind::Tag, tag.as_str()));
            rows.push((names_of(owner), NameKind::Tag, tag.as_str()));
        }
        let expires = (Timestamp::now() + KEPT).as_second();
        let mut writes = JoinSet::new();
        for (partition, kind, name) in rows {
            let place = (partition, kind.sort_key(name, owner));
            if self.noted.has(&place) {
                continue;
            }
            let row = rows::write(&place.0, &place.1, &Row { name: name.to_owned(), expires })?;
            let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
            writes.spawn(async move { put.send().await.map(|_| place).map_err(rows::failed) });
        }
        while let Some(written) = writes.join_next().await {
            let place = written.map_err(|error| Error::Internal(error.to_string()))??;
            self.noted.add(place);
        }
        Ok(())
    }

    /// Up to `limit` names of tasks that begin like this in whatever case, in the order of the alphabet; of one owner's
    /// tasks alone, if one is named. Each costs a query of one row.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn names(&self, owner: Option<&str>, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>> {
        let partition = owner.map_or_else(|| NAMES.to_owned(), names_of);
        let rows = self.first_of_each_name(&partition, &kind.sort_prefix(prefix), limit).await?;
        rows.into_iter().map(|row| Ok(rows::read::<Row>(row)?.name)).collect()
    }

    /// Forgets the names that come from this owner's tasks.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails; the next call forgets the rest.
    pub async fn forget_names(&self, owner: &str) -> Result<()> {
        for row in rows::all(self.partition(&names_of(owner)), None).await? {
            let sort = rows::sort_key(&row);
            // Its own row goes last, so that whoever is interrupted finds it again.
            for partition in [NAMES.to_owned(), names_of(owner)] {
                self.forget(&partition, sort).await?;
            }
        }
        self.forget(NAMES, &NameKind::Owner.sort_key(owner, owner)).await?;
        self.noted.clear();
        Ok(())
    }

    /// Removes one row.
    pub(super) async fn forget(&self, partition: &str, sort: &str) -> Result<()> {
        let key = rows::key(partition, sort);
        self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await.map_err(rows::failed)?;
        Ok(())
    }
}

fn names_of(owner: &str) -> String {
    format!("{NAMES}#{owner}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_key_begins_like_the_name_and_is_short() {
        let key = NameKind::Tag.sort_key("Spring\u{1} Ölbild", "alice");
        assert!(key.starts_with(&NameKind::Tag.sort_prefix("SPRING ö")), "{key:?}");
        assert_ne!(key, NameKind::Tag.sort_key("Spring Ölbild", "bob"));
        let long = "\u{1F600}".repeat(255);
        assert!(NameKind::Owner.sort_key(&long, &long).len() < 1_024);
    }
}
