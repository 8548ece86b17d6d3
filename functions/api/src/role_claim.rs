//! Which claim of a token names its bearer's role, where somebody else issues the tokens.

use easel_domain::identity::Role;
use easel_system::environment::{self, ROLE_CLAIM};
use serde_json::{Map, Value};

/// The groups of a user pool of Amazon Cognito, which only its administrators change.
const GROUPS: &str = "cognito:groups";
/// What a role's name may begin with, so that groups of several applications do not get mixed up.
const PREFIX: &str = "easel-";

/// The one claim that names roles. Whatever else a token says, nothing but this claim makes somebody a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleClaim(String);

impl Default for RoleClaim {
    /// `cognito:groups`.
    fn default() -> Self {
        Self::new(GROUPS)
    }
}

impl RoleClaim {
    /// The claim of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The claim that `EASEL_ROLE_CLAIM` names, else `cognito:groups`.
    #[must_use]
    pub fn from_environment() -> Self {
        environment::text(ROLE_CLAIM).map_or_else(Self::default, Self::new)
    }

    /// The highest role among a token's claims: of a word or a list of words under the claim's name or, where objects are
    /// within each other, under its parts between dots, such as `realm_access.roles`.
    pub(crate) fn highest_among(&self, claims: &Map<String, Value>) -> Option<Role> {
        let nested = || {
            let mut parts = self.0.split('.');
            let first = claims.get(parts.next()?)?;
            parts.try_fold(first, |value, part| value.get(part))
        };
        match claims.get(&self.0).or_else(nested)? {
            Value::String(word) => named(word),
            Value::Array(words) => words.iter().filter_map(|word| named(word.as_str()?)).max(),
            _ => None,
        }
    }

    /// The claim's name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The highest role that the claim's value names: a word, or a list, which API Gateway passes on as `[creator reviewer]`.
    pub(crate) fn highest_role(&self, value: &str) -> Option<Role> {
        let list = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
        match list {
            Some(list) => list.split([' ', ',']).filter_map(named).max(),
            None => named(value),
        }
    }
}

fn named(word: &str) -> Option<Role> {
    Role::named(word.strip_prefix(PREFIX).unwrap_or(word))
}
