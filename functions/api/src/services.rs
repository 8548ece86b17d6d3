//! Everything that a function of the API works with, set up once from its environment.

use easel_storage::workflow::Workflow;
use easel_system::environment::{self, TOKEN_SECRET};

use crate::identification::Identification;
use crate::role_claim::RoleClaim;
use crate::tokens::TokenKey;

/// What a function of the API works with.
#[derive(Clone)]
pub struct Services {
    /// Tasks and images.
    pub workflow: Workflow,
    /// How callers are identified.
    pub identification: Identification,
}

impl Services {
    /// The services that the environment names. Without `EASEL_TOKEN_SECRET`, an authorizer in front of the function checks
    /// tokens, and `EASEL_ROLE_CLAIM` names the claim that has the role.
    ///
    /// # Errors
    /// Returns [`easel_storage::Error::Internal`] if a variable is missing, with its name.
    pub async fn from_environment() -> easel_storage::Result<Self> {
        let workflow = Workflow::from_environment().await?;
        let identification = match environment::text(TOKEN_SECRET) {
            Some(secret) => Identification::Tokens(TokenKey::new(secret.into_bytes())),
            None => Identification::Authorizer(RoleClaim::from_environment()),
        };
        Ok(Self { workflow, identification })
    }
}
