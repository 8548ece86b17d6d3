//! Another task's image, where a setting names one in place of an upload.

use easel_settings::quoted;
use uuid::Uuid;

/// What such a name begins with.
const PREFIX: &str = "task:";

/// An image of a task's current attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskImage {
    /// The task.
    pub task: Uuid,
    /// Which of its images, from 0.
    pub index: u32,
}

impl TaskImage {
    /// Reads `task:ID` or `task:ID/INDEX`; `None` if `name` does not begin like one.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence.
    #[must_use]
    pub fn named(name: &str) -> Option<Result<Self, String>> {
        let rest = name.strip_prefix(PREFIX)?;
        let (task, index) = rest.split_once('/').unwrap_or((rest, "0"));
        let read = task.parse().ok().zip(index.parse().ok()).map(|(task, index)| Self { task, index });
        Some(read.ok_or_else(|| format!("`{}` is not task:ID or task:ID/INDEX, such as task:ID/0", quoted(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_its_task_and_index() {
        let id = "0193e4e0-1111-7222-8333-444455556666";
        let task = id.parse().expect("an id");
        assert_eq!(TaskImage::named(&format!("task:{id}")), Some(Ok(TaskImage { task, index: 0 })));
        assert_eq!(TaskImage::named(&format!("task:{id}/7")), Some(Ok(TaskImage { task, index: 7 })));
        assert_eq!(TaskImage::named("inputs/a.png"), None);
        for wrong in ["task:", "task:7", &format!("task:{id}/"), &format!("task:{id}/-1"), &format!("task:{id}/0/0")] {
            assert!(TaskImage::named(wrong).is_some_and(|read| read.is_err()), "{wrong}");
        }
    }
}
