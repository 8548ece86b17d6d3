//! Who somebody is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a caller is trusted with. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks for images and sees their own.
    Creator,
    /// Sees and decides on everybody's.
    Reviewer,
    /// Also removes what others made.
    Admin,
    /// Easel's own workers; no token carries this role.
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
    /// The id of the token that they showed, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token_id: Option<String>,
    /// The id of the request that they sent, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
}

impl Identity {
    /// Somebody with this name and role.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self { name: name.into(), role, token_id: None, request_id: None }
    }

    /// One of Easel's own workers.
    pub fn worker(name: impl Into<String>) -> Self {
        Self::new(name, Role::Worker)
    }
}
