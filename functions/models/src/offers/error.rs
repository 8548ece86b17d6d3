//! Why something cannot be used by its name.

use super::OfferKind;

/// How many names a message lists.
const LISTED: usize = 20;

/// Why a file cannot be used by its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Nothing has this name.
    #[error("there is no {kind} `{name}`: {}", offered(*.kind, .names))]
    Unknown {
        /// What was looked for.
        kind: OfferKind,
        /// By which name.
        name: String,
        /// The names that there are.
        names: Vec<String>,
    },
    /// Several files have this name.
    #[error("several {kind}s are called `{name}`: {}; ask for one of them by its path, or rename one", listed(.names))]
    Ambiguous {
        /// What was looked for.
        kind: OfferKind,
        /// By which name.
        name: String,
        /// Their paths.
        names: Vec<String>,
    },
    /// Its file cannot be fetched or read.
    #[error("the {kind} `{name}` cannot be read: {reason}")]
    Unreadable {
        /// What was looked for.
        kind: OfferKind,
        /// By which name.
        name: String,
        /// Why.
        reason: String,
    },
}

fn offered(kind: OfferKind, names: &[String]) -> String {
    if names.is_empty() { format!("no {kind}s are offered") } else { format!("there are {}", listed(names)) }
}

/// The names, or the first of them and how many more there are.
fn listed(names: &[String]) -> String {
    let mut listed = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        listed += &format!(" and {} more", names.len() - LISTED);
    }
    listed
}
