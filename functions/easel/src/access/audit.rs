//! The record of who got tokens, who signed in, and whose tokens were revoked: a line each, which is never changed.

use std::path::PathBuf;

use easel_system::environment::{self, USER};
use easel_system::files;
use jiff::Timestamp;
use serde::Serialize;

use crate::command_error::CommandError;

/// The file in the data folder.
pub(super) const FILE: &str = "audit.jsonl";

/// Writes the record.
#[derive(Debug)]
pub(super) struct Audit {
    path: PathBuf,
}

/// What happened.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuditEvent {
    /// Somebody printed a token, or asked the service for one.
    TokenIssued,
    /// Somebody printed a link that signs in once.
    LinkCreated,
    /// Somebody used such a link and got a token for it.
    SignedIn,
    /// A token is not good any more.
    TokenRevoked,
}

#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    event: AuditEvent,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<&'a str>,
    name: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// Who asked the service for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    /// Who ran the program on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl Audit {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(
        &self,
        event: AuditEvent,
        token_id: Option<&str>,
        name: &str,
        role: &str,
        expires_at: Option<Timestamp>,
        by: Option<&str>,
    ) -> Result<(), CommandError> {
        let user = environment::text(USER);
        let line = Line { at: Timestamp::now(), event, token_id, name, role, expires_at, by, user };
        let failed = |reason: String| CommandError::failed(format!("--data: {}: {reason}", self.path.display()));
        let text = serde_json::to_string(&line).map_err(|error| failed(error.to_string()))?;
        files::append_privately(&self.path, format!("{text}\n").as_bytes()).map_err(|error| failed(error.to_string()))
    }
}
