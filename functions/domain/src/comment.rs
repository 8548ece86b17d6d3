//! What people say to each other about a task and its images. Comments are beside the task: they change nothing of it, and
//! are no part of its history.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::identity::{Identity, Role};
use crate::task::{Area, Status, Task};

/// Most characters of a comment.
pub const MAX_COMMENT: usize = 2_000;
/// Most comments on one task.
pub const MAX_COMMENTS: u64 = 500;
/// Most people that one comment mentions; further ones are not told.
pub const MAX_MENTIONS: usize = 10;
/// Most characters of a name that is mentioned: that of any token.
const MAX_NAME: usize = 255;

/// A comment on a task, or on an image of one of its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// A `UUIDv7`, so that ids sort by time.
    pub id: Uuid,
    /// The task.
    pub task: Uuid,
    /// Whose task it is, who may see the comment, beside reviewers.
    pub owner: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub text: String,
    /// The attempt that it is about.
    pub attempt: u32,
    /// The image of the attempt that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<u32>,
    /// Where in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Area>,
    /// The comment that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Uuid>,
    /// Whom it mentions by `@name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// Who resolved it; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// Who resolved a comment, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resolution {
    /// Who.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What somebody wants to say.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Remark {
    /// The text.
    pub text: String,
    /// The image of the current attempt that it is about.
    #[serde(default)]
    pub image: Option<u32>,
    /// Where in the image.
    #[serde(default)]
    pub region: Option<Area>,
    /// The comment that it answers.
    #[serde(default)]
    pub answers: Option<Uuid>,
}

impl Comment {
    /// The comment that `by` makes on a task.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if the task may not be seen, [`Error::Invalid`] if the image is not there,
    /// [`Error::Conflict`] if the task is deleted.
    pub fn on(task: &Task, remark: Remark, by: &Identity, at: Timestamp) -> Result<Self> {
        by.may_see(task)?;
        if task.status == Status::Deleted {
            return Err(Error::Conflict("the task is deleted: restore it to comment on it".to_owned()));
        }
        let Remark { text, image, region, answers } = remark;
        let invalid =
            |field: &str, message: String| Err(Error::Invalid(vec![easel_settings::FieldError::new(field, message)]));
        let images = &task.attempt.images;
        match image {
            Some(index) if !images.iter().any(|image| image.index == index) => {
                return invalid("image", format!("the task has {} images, which are counted from 0", images.len()));
            }
            None if region.is_some() => return invalid("region", "is of no image: say which by `image`".to_owned()),
            _ => {}
        }
        Ok(Self {
            id: Uuid::now_v7(),
            task: task.id,
            owner: task.owner.clone(),
            by: by.name.clone(),
            at,
            mentions: mentions(&text),
            text,
            attempt: task.attempt.number,
            image,
            region,
            answers,
            resolution: None,
        })
    }

    /// Whether `by` may remove it: who wrote it, and admins.
    ///
    /// # Errors
    /// Returns [`Error::Forbidden`] if not.
    pub fn may_be_removed_by(&self, by: &Identity) -> Result<()> {
        let needed = if self.by == by.name { Role::Creator } else { Role::Admin };
        Ok(by.has_role(needed)?)
    }
}

/// The names that a text mentions by `@name`, each once: letters, digits and `.`, `_`, `-`, `+`, `@` inside.
#[must_use]
pub fn mentions(text: &str) -> Vec<String> {
    let is_of_name = |letter: char| letter.is_alphanumeric() || "._-+@".contains(letter);
    let mut names: Vec<String> = Vec::new();
    let mut before = None;
    for (place, letter) in text.char_indices() {
        let begins = letter == '@' && before.is_none_or(|before| !is_of_name(before));
        before = Some(letter);
        if !begins {
            continue;
        }
        let name: String = text[place + 1..].chars().take_while(|letter| is_of_name(*letter)).collect();
        let name = name.trim_end_matches(['.', '-', '@', '+']);
        let is_name = !name.is_empty() && name.chars().count() <= MAX_NAME;
        if is_name && names.len() < MAX_MENTIONS && !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_mentioned_by_their_names() {
        let text = "@robin, look: (@Rosa.Lind) and @rosa@example.org. mail a@b.c @robin @ @. @日本";
        assert_eq!(mentions(text), ["robin", "Rosa.Lind", "rosa@example.org", "日本"]);
        let many: String = (0..20).map(|number| format!("@n{number} ")).collect();
        assert_eq!(mentions(&many).len(), MAX_MENTIONS);
        assert!(mentions(&format!("@{}", "x".repeat(300))).is_empty());
    }
}
