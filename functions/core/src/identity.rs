//! Who calls, and what they may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::task::{Move, Task};

/// What a caller is trusted with. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks for pictures and sees their own.
    Creator,
    /// Sees and decides on everybody's.
    Reviewer,
    /// Also removes what others made.
    Admin,
    /// Easel's own workers; no token says this.
    Worker,
}

impl Role {
    /// The roles that a token can carry.
    pub const OF_PEOPLE: [Role; 3] = [Role::Creator, Role::Reviewer, Role::Admin];

    /// The name in tokens, events and commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Creator => "creator",
            Role::Reviewer => "reviewer",
            Role::Admin => "admin",
            Role::Worker => "worker",
        }
    }

    /// A person's role with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::OF_PEOPLE.into_iter().find(|role| role.as_str() == name)
    }
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The token's subject, or the worker's name.
    pub name: String,
    /// What they are trusted with.
    pub role: Role,
}

impl Identity {
    /// One of Easel's own workers.
    pub fn worker(name: impl Into<String>) -> Self {
        Self { name: name.into(), role: Role::Worker }
    }

    /// Whether tasks of others are visible.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.role >= Role::Reviewer
    }

    /// Whether the task may be seen; another's task is, to a creator, not there at all.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn may_see(&self, task: &Task) -> Result<(), Error> {
        if self.sees_all() || task.owner == self.name { Ok(()) } else { Err(Error::no_task(task.id)) }
    }

    /// Whether the move may be made on the task, whatever its state.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::Forbidden`].
    pub fn may_make(&self, step: Move, task: &Task) -> Result<(), Error> {
        self.may_see(task)?;
        let needed = match step {
            Move::Approve | Move::Reject | Move::Publish => Role::Reviewer,
            Move::Claim | Move::HandOn | Move::Finish | Move::Fail => Role::Worker,
            Move::Delete if task.owner != self.name => Role::Admin,
            _ => Role::Creator,
        };
        if self.role >= needed { Ok(()) } else { Err(Error::Forbidden { needed, role: self.role }) }
    }
}
