//! `easel token`: lets somebody use the service of this machine.

use easel_core::http::identification::TokenKey;
use easel_core::identity::Identity;
use jiff::SignedDuration;

use crate::failure::Failure;
use crate::output;
use crate::serve::DataFolder;
use crate::service_arguments::TokenArguments;

const MAX_NAME: usize = 100;

/// Prints a token, or a link with it.
///
/// # Errors
/// The data folder cannot be used, or the name is none.
pub(crate) fn run(arguments: &TokenArguments) -> Result<(), Failure> {
    let role = arguments.role.into();
    let name = arguments.name.clone().unwrap_or_else(|| easel_core::identity::Role::as_str(role).to_owned());
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        return Err(Failure::wrong_use(format!("--name: must have 1 to {MAX_NAME} characters")));
    }
    let secrets = DataFolder::open(arguments.data.as_deref())?.secrets()?;
    let lifetime = SignedDuration::from_hours(24 * i64::from(arguments.days));
    let token = TokenKey::new(secrets.token_secret.into_bytes()).sign(&Identity { name, role }, lifetime)?;
    output::result(&arguments.link.as_ref().map_or_else(|| token.clone(), |service| link(service, &token)))
}

/// A link that signs in at the desk of a service. Browsers do not send what stands behind `#`.
pub(crate) fn link(service: &str, token: &str) -> String {
    format!("{}/#token={token}", service.trim_end_matches('/'))
}
