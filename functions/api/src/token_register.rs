//! The register of tokens, where the service issues them itself.

use easel_domain::identity::Identity;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::tokens::Token;

/// A token that was issued, without what would let somebody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssuedToken {
    /// Names the token in lists, logs and histories.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What its bearer may do.
    pub role: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub issued_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub revoked_at: Option<Timestamp>,
}

/// Who has tokens. It writes down who gets one and who takes one back.
pub trait TokenRegister: Send + Sync {
    /// So many tokens behind the one of this id, the newest first: those of this name, or everybody's.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`](crate::ApiError::Internal) if the register cannot be read.
    fn list(&self, name: Option<&str>, behind: Option<&str>, limit: usize) -> Result<Vec<IssuedToken>>;

    /// How many tokens of this name are good.
    ///
    /// # Errors
    /// As [`TokenRegister::list`].
    fn count_good(&self, name: &str) -> Result<usize>;

    /// A token for `identity` that `by` asks for.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`](crate::ApiError::Internal) if it cannot be made or written down.
    fn issue(&self, identity: &Identity, lifetime: SignedDuration, by: &Identity) -> Result<Token>;

    /// Takes back the good token of this id, if it is of this name or no name is given; `None` if there is no such token.
    ///
    /// # Errors
    /// Returns [`ApiError::Internal`](crate::ApiError::Internal) if the register cannot be written.
    fn revoke(&self, id: &str, name: Option<&str>, by: &Identity) -> Result<Option<IssuedToken>>;
}
