//! The register of tokens as the API sees it.

use std::sync::Arc;

use easel_api::{ApiError, IssuedToken, Result, Token, TokenKey, TokenRegister};
use easel_domain::identity::Identity;
use jiff::SignedDuration;

use crate::access::{Access, Issue};
use crate::command_error::CommandError;

/// The register of the data folder, and what signs new tokens.
pub(super) struct Register {
    access: Arc<Access>,
    key: TokenKey,
}

impl Register {
    pub(super) fn new(access: Arc<Access>, key: TokenKey) -> Self {
        Self { access, key }
    }
}

impl TokenRegister for Register {
    fn list(&self, name: Option<&str>, behind: Option<&str>, limit: usize) -> Result<Vec<IssuedToken>> {
        self.access.page(name, behind, limit).map_err(internal)
    }

    fn count_good(&self, name: &str) -> Result<usize> {
        self.access.count_good(name).map_err(internal)
    }

    fn issue(&self, identity: &Identity, lifetime: SignedDuration, by: &Identity) -> Result<Token> {
        self.access.issue(&self.key, identity, lifetime, Issue::MadeBy(&by.name)).map_err(internal)
    }

    fn revoke(&self, id: &str, name: Option<&str>, by: &Identity) -> Result<Option<IssuedToken>> {
        self.access.revoke_one(id, name, &by.name).map_err(internal)
    }
}

fn internal(error: CommandError) -> ApiError {
    ApiError::Internal(error.to_string())
}
