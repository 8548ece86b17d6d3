//! `easel token`: lets somebody use the service of this machine, and takes it back.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use easel_api::{IssuedToken, MAX_NAME, TokenKey};
use easel_domain::identity::{Identity, Role};
use easel_system::environment;
use jiff::{SignedDuration, Timestamp};

use crate::access::{Access, Issue, LINK_LIFETIME};
use crate::command_error::CommandError;
use crate::output::{self, escaped};
use crate::serve::DataFolder;

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
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TokenArguments {
    #[command(subcommand)]
    command: Option<TokenCommand>,
    #[command(flatten)]
    folder: FolderArguments,
    /// Role
    #[arg(long, required = true)]
    role: Option<TokenRole>,
    /// User name [default: the role]
    #[arg(long)]
    name: Option<String>,
    /// Days until it expires, at most 365
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// Print a link that signs in at the desk, once and within 10 minutes; of the service at this address
    /// [default: where the service of this folder is]
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    link: Option<Option<String>>,
}

/// What is done with tokens that there are.
#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// List the tokens of the service of this machine
    List(TokenListArguments),
    /// Revoke a token by its id, or everybody's of a name; a running service refuses it at once
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
struct FolderArguments {
    /// The service's data folder [default: `easel` in the user's data folder]
    #[arg(long, value_name = "DIR", env = environment::DATA, hide_env_values = true)]
    data: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct TokenListArguments {
    #[command(flatten)]
    folder: FolderArguments,
    /// Print one JSON array on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RevokeArguments {
    /// The token's id, or the name of its bearer
    #[arg(value_name = "ID|NAME")]
    which: String,
    #[command(flatten)]
    folder: FolderArguments,
}

/// Prints a token or a link, lists tokens, or revokes some.
///
/// # Errors
/// The data folder cannot be used, or what was named is not there.
pub(crate) fn run(arguments: &TokenArguments) -> Result<(), CommandError> {
    match &arguments.command {
        None => create(arguments),
        Some(TokenCommand::List(arguments)) => list(arguments),
        Some(TokenCommand::Revoke(arguments)) => revoke(arguments),
    }
}

fn create(arguments: &TokenArguments) -> Result<(), CommandError> {
    let role = arguments.role.ok_or_else(|| CommandError::wrong_use("--role: name a role"))?.into();
    let name = arguments.name.clone().unwrap_or_else(|| Role::as_str(role).to_owned());
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        return Err(CommandError::wrong_use(format!("--name: must have 1 to {MAX_NAME} characters")));
    }
    let folder = DataFolder::existing(arguments.folder.data.as_deref())?;
    let (access, identity) = (Access::open(&folder)?, Identity::new(name, role));
    if let Some(service) = &arguments.link {
        output::note(&format!(
            "Signs {} in once, within {} minutes:",
            escaped(&identity.name),
            LINK_LIFETIME.as_mins()
        ));
        let service = service.clone().or_else(|| folder.address());
        let service = service.ok_or_else(|| {
            CommandError::wrong_use(
                "--link: no service has run on this folder yet: start `easel serve`, or name an address",
            )
        })?;
        return output::result(&link(&service, &access.new_code(&identity)?));
    }
    let key = TokenKey::new(folder.secrets()?.token_secret.into_bytes());
    let lifetime = SignedDuration::from_hours(24 * i64::from(arguments.days));
    output::result(&access.issue(&key, &identity, lifetime, Issue::Printed)?.text)
}

fn list(arguments: &TokenListArguments) -> Result<(), CommandError> {
    let tokens = access(arguments.folder.data.as_deref())?.tokens()?;
    if arguments.json {
        return output::json(&tokens);
    }
    if tokens.is_empty() {
        output::note("No tokens");
        return Ok(());
    }
    output::result(&tokens.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn revoke(arguments: &RevokeArguments) -> Result<(), CommandError> {
    let revoked = access(arguments.folder.data.as_deref())?.revoke(&arguments.which)?;
    if revoked.is_empty() {
        let which = &arguments.which;
        let message =
            format!("there is no token `{which}` that is still good: `easel token list` shows their ids and names");
        return Err(CommandError::wrong_use(message));
    }
    output::result(&revoked.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn access(folder: Option<&Path>) -> Result<Access, CommandError> {
    Access::open(&DataFolder::existing(folder)?)
}

fn line(token: &IssuedToken) -> String {
    let IssuedToken { id, name, role, issued_at, expires_at, revoked_at } = token;
    let state = match revoked_at {
        Some(at) => format!("revoked {at}"),
        None if *expires_at <= Timestamp::now() => format!("expired {expires_at}"),
        None => format!("good until {expires_at}"),
    };
    format!("{id}  {role:8}  {:12}  issued {issued_at}  {state}", escaped(name))
}

/// A link that signs in at the desk of a service. Browsers do not send what stands behind `#`.
pub(crate) fn link(service: &str, code: &str) -> String {
    format!("{}/#code={code}", service.trim_end_matches('/'))
}
