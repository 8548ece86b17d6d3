//! `easel token`: lets somebody use the service of this machine.

use easel_api::TokenKey;
use easel_domain::identity::Identity;
use jiff::SignedDuration;

use crate::command_error::CommandError;
use crate::output;
use crate::serve::DataFolder;
use clap::{Args, ValueEnum};
use easel_domain::identity::Role;
use easel_system::environment;
use std::path::PathBuf;

/// A role that a token can carry.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TokenRole {
    Creator,
    Reviewer,
    Admin,
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Creator => Role::Creator,
            TokenRole::Reviewer => Role::Reviewer,
            TokenRole::Admin => Role::Admin,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TokenArguments {
    /// The service's data folder [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = environment::DATA, hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Role
    #[arg(long)]
    pub(crate) role: TokenRole,
    /// User name [default: the role]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Days until it expires
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) days: u32,
    /// Print a link that signs in at the desk of the service at this address [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "http://127.0.0.1:8080")]
    pub(crate) link: Option<String>,
}

const MAX_NAME: usize = 100;

/// Prints a token, or a link with it.
///
/// # Errors
/// The data folder cannot be used, or the name is none.
pub(crate) fn run(arguments: &TokenArguments) -> Result<(), CommandError> {
    let role = arguments.role.into();
    let name = arguments.name.clone().unwrap_or_else(|| easel_domain::identity::Role::as_str(role).to_owned());
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        return Err(CommandError::wrong_use(format!("--name: must have 1 to {MAX_NAME} characters")));
    }
    let secrets = DataFolder::open(arguments.data.as_deref())?.secrets()?;
    let lifetime = SignedDuration::from_hours(24 * i64::from(arguments.days));
    let token = TokenKey::new(secrets.token_secret.into_bytes()).sign(&Identity::new(name, role), lifetime)?;
    output::result(&arguments.link.as_ref().map_or_else(|| token.clone(), |service| link(service, &token)))
}

/// A link that signs in at the desk of a service. Browsers do not send what stands behind `#`.
pub(crate) fn link(service: &str, token: &str) -> String {
    format!("{}/#token={token}", service.trim_end_matches('/'))
}
