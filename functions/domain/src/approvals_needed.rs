//! From how many reviewers images take an approval.

use std::collections::BTreeMap;

use crate::task::MAX_APPROVALS_NEEDED;

/// From how many reviewers images take an approval, before they are approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalsNeeded {
    /// Of every task: 1 to [`MAX_APPROVALS_NEEDED`].
    pub of_all: u32,
    /// Of tasks with a tag; the highest number of a task's tags holds.
    pub of_tags: BTreeMap<String, u32>,
}

impl Default for ApprovalsNeeded {
    fn default() -> Self {
        Self { of_all: 1, of_tags: BTreeMap::new() }
    }
}

impl ApprovalsNeeded {
    /// How many approvals a task with these tags takes.
    #[must_use]
    pub fn for_tags(&self, tags: &[String]) -> u32 {
        let of_tags = tags.iter().filter_map(|tag| self.of_tags.get(tag).copied());
        of_tags.max().unwrap_or_default().max(self.of_all).clamp(1, MAX_APPROVALS_NEEDED)
    }

    /// Reads the number of every task.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn read_number(text: &str) -> Result<u32, String> {
        let number = text.trim().parse().ok().filter(|number| (1..=MAX_APPROVALS_NEEDED).contains(number));
        number.ok_or_else(|| format!("`{text}` is not a number from 1 to {MAX_APPROVALS_NEEDED}"))
    }

    /// Reads numbers of tags, such as `print=2,legal=3`.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn read_tags(text: &str) -> Result<BTreeMap<String, u32>, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let read = entries.map(|entry| {
            let (tag, number) = entry.rsplit_once('=').ok_or_else(|| format!("`{entry}` is not TAG=NUMBER"))?;
            if tag.trim().is_empty() {
                return Err(format!("`{entry}` names no tag: write TAG=NUMBER"));
            }
            Ok((tag.trim().to_owned(), Self::read_number(number)?))
        });
        read.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_of_a_tasks_tags_holds() {
        let of_tags = ApprovalsNeeded::read_tags("print=2, legal = 3,,a=b=2").expect("numbers of tags");
        assert_eq!(of_tags.len(), 3);
        let needed = ApprovalsNeeded { of_tags, ..ApprovalsNeeded::default() };
        let for_tags = |tags: &[&str]| needed.for_tags(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            [for_tags(&[]), for_tags(&["print"]), for_tags(&["legal", "print", "x"]), for_tags(&["a=b"])],
            [1, 2, 3, 2]
        );
        assert_eq!(ApprovalsNeeded { of_all: 3, ..needed.clone() }.for_tags(&["print".to_owned()]), 3);
        for wrong in ["print", "=2", "print=0", "print=6", "print=two"] {
            assert!(ApprovalsNeeded::read_tags(wrong).is_err(), "{wrong}");
        }
    }
}
