//! What somebody may do with a task.

use crate::error::{Error, Forbidden, Result};
use crate::identity::{Identity, Role};
use crate::task::{Move, Status, Task};

impl Identity {
    /// Whether tasks of others are visible.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.role >= Role::Reviewer
    }

    /// Whether this person's tasks are visible.
    #[must_use]
    pub fn sees_tasks_of(&self, owner: &str) -> bool {
        self.sees_all() || owner == self.name
    }

    /// Whether the role is at least `needed`.
    ///
    /// # Errors
    /// Returns [`Forbidden`] if it is not.
    pub fn has_role(&self, needed: Role) -> Result<(), Forbidden> {
        if self.role >= needed { Ok(()) } else { Err(Forbidden { needed, role: self.role }) }
    }

    /// Whether the task may be seen. To a creator, another's task does not exist.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if it may not.
    pub fn may_see(&self, task: &Task) -> Result<()> {
        if self.sees_tasks_of(&task.owner) { Ok(()) } else { Err(Error::NotFound(task.id)) }
    }

    /// Whether the move may be made on the task, whatever its state.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if the task may not even be seen, [`Error::Forbidden`] if it may not be moved.
    pub fn may_make(&self, action: Move, task: &Task) -> Result<()> {
        self.may_see(task)?;
        let needed = match action {
            Move::Approve | Move::Reject | Move::Publish | Move::Unpublish => Role::Reviewer,
            Move::Claim | Move::HandOn | Move::Finish | Move::Fail => Role::Worker,
            // An owner takes back what they did, not what was done to them.
            Move::Reopen if !self.called_off(task) => Role::Reviewer,
            Move::Delete if task.owner != self.name => Role::Admin,
            _ => Role::Creator,
        };
        Ok(self.has_role(needed)?)
    }

    /// Whether this person cancelled or deleted the task.
    fn called_off(&self, task: &Task) -> bool {
        let by = match task.status {
            Status::Cancelled => task.cancellation.as_ref().map(|cancellation| &cancellation.by),
            Status::Deleted => task.deletion.as_ref().map(|deletion| &deletion.by),
            _ => None,
        };
        by.is_some_and(|by| *by == self.name)
    }
}
