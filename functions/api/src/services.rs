//! Everything that a function of the API works with, set up once from its environment.

use std::sync::Arc;

use easel_domain::Rules;
use easel_storage::gallery::Address;
use easel_storage::workflow::Workflow;
use easel_storage::{Error, Result};
use easel_system::environment::{self, FOUR_EYES, MAX_UPLOADS, PUBLISHED_URL, TOKEN_SECRET};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identification::Identification;
use crate::role_claim::RoleClaim;
use crate::token_register::TokenRegister;
use crate::tokens::TokenKey;

/// How many uploads one person may ask for on one day, unless the environment says otherwise.
const UPLOADS_A_DAY: u64 = 200;

/// What a function of the API works with.
#[derive(Clone)]
pub struct Services {
    /// Tasks and images.
    pub workflow: Workflow,
    /// How callers are identified.
    pub identification: Identification,
    /// What is demanded beyond roles.
    pub rules: Rules,
    /// How many uploads one person may ask for on one day.
    pub uploads_a_day: u64,
    /// The tokens, where the service issues them itself and says who has which.
    pub tokens: Option<Arc<dyn TokenRegister>>,
    /// What there is on the disk, where the service keeps images on one.
    pub disk: Option<DiskUsage>,
}

/// Looks at the disk.
pub type DiskUsage = Arc<dyn Fn() -> DiskView + Send + Sync>;

/// What the service keeps on its disk, and how much room there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiskView {
    /// The folder of everything that the service keeps; admins learn it.
    pub folder: Option<String>,
    /// Bytes of images, uploads and what else tasks need.
    pub used_bytes: u64,
    /// Most bytes of them, if that is limited.
    pub limit_bytes: Option<u64>,
    /// Bytes that are free on the disk, as far as the system says.
    pub free_bytes: Option<u64>,
}

impl Services {
    /// The services of this workflow, with no rules beyond roles and the limits that hold unless said otherwise.
    #[must_use]
    pub fn new(workflow: Workflow, identification: Identification) -> Self {
        Self {
            workflow,
            identification,
            rules: Rules::default(),
            uploads_a_day: UPLOADS_A_DAY,
            tokens: None,
            disk: None,
        }
    }

    /// The services that the environment names. Without `EASEL_TOKEN_SECRET`, an authorizer in front of the function checks
    /// tokens, and `EASEL_ROLE_CLAIM` names the claim that has the role.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if a variable is missing or wrong, with its name.
    pub async fn from_environment() -> Result<Self> {
        let identification = match environment::text(TOKEN_SECRET) {
            Some(secret) => Identification::Tokens(TokenKey::new(secret.into_bytes())),
            None => Identification::Authorizer(RoleClaim::from_environment()),
        };
        let services = Self::new(Workflow::from_environment().await?, identification);
        services.with_environment()
    }

    /// The same services with the rules and limits that the environment names.
    ///
    /// # Errors
    /// Returns [`Error::Internal`] if a variable is wrong, with its name.
    pub fn with_environment(mut self) -> Result<Self> {
        if let Some(switch) = environment::text(FOUR_EYES) {
            self.rules.four_eyes = four_eyes(&switch)?;
        }
        if let Some(most) = environment::text(MAX_UPLOADS) {
            let wrong = |_| Error::Internal(format!("{MAX_UPLOADS}: `{most}` is not a whole number"));
            self.uploads_a_day = most.trim().parse().map_err(wrong)?;
        }
        if let Some(url) = environment::text(PUBLISHED_URL) {
            let gallery = self.workflow.gallery.with_public_address(Address::new(move || url.clone()));
            self.workflow.gallery = gallery;
        }
        Ok(self)
    }
}

/// A rule that is misspelt must not be off.
fn four_eyes(switch: &str) -> Result<bool> {
    match switch.trim() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(Error::Internal(format!("{FOUR_EYES}: `{other}` is neither on nor off"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_is_misspelt_is_an_error() {
        assert!(matches!((four_eyes("on"), four_eyes(" off ")), (Ok(true), Ok(false))));
        for switch in ["ON", "true", "1", "yes"] {
            assert!(
                matches!(four_eyes(switch), Err(Error::Internal(reason)) if reason.contains(FOUR_EYES)),
                "{switch}"
            );
        }
    }
}
