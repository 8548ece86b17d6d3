//! Whether the environment says what it means to.

use std::env;

use super::Check;
use crate::error::Error;
use crate::studio::StudioOptions;
use crate::worker::WorkerOptions;

const SUBJECT: &str = "configuration";
const PREFIX: &str = "EASEL_";
/// Every variable of Easel's own, without its prefix; those of its tests have `TEST_` too.
const VARIABLES: [&str; 28] = [
    "API",
    "BUCKET",
    "CACHE",
    "CHECKPOINT_EVERY",
    "DATA",
    "DEAD_LETTER_ARN",
    "DEAD_LETTER_URL",
    "DEVICE",
    "DOLLARS_PER_HOUR",
    "ENDPOINT_URL",
    "INSTRUCTIONS",
    "LOG",
    "MAX_DELIVERIES",
    "METRICS",
    "MODEL",
    "OIDC_CLIENT",
    "OIDC_ISSUER",
    "OIDC_ORIGIN",
    "PICTURES_ORIGIN",
    "PRECISION",
    "PUBLISHED_URL",
    "QUEUE_URL",
    "REFINER",
    "TABLE",
    "TINY_VAE",
    "TOKEN",
    "TOKEN_SECRET",
    "WORKER",
];

/// Checks that every `EASEL_` variable is known and says something that can be used.
#[must_use]
pub fn check_configuration() -> Vec<Check> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let is_own = |name: &String| name.strip_prefix(PREFIX).is_some_and(|rest| !rest.starts_with("TEST_"));
    let mut set: Vec<_> = names.filter(is_own).collect();
    set.sort();
    vec![names_are_known(&set), values_can_be_used()]
}

fn names_are_known(set: &[String]) -> Check {
    let what = "variables are known";
    let is_known = |name: &str| name.strip_prefix(PREFIX).is_some_and(|rest| VARIABLES.contains(&rest));
    let unknown: Vec<_> = set.iter().map(String::as_str).filter(|name| !is_known(name)).collect();
    if unknown.is_empty() {
        let found = if set.is_empty() { "none is set: defaults hold".to_owned() } else { set.join(", ") };
        return Check::pass(SUBJECT, what, found);
    }
    let known = VARIABLES.join(", ");
    let advice = format!("nobody reads this: correct or remove it; what follows {PREFIX} may be {known}");
    Check::fail(SUBJECT, what, unknown.join(", "), advice)
}

fn values_can_be_used() -> Check {
    let what = "values can be used";
    let read = || -> Result<(), Error> {
        StudioOptions::from_environment()?;
        WorkerOptions::from_environment()?;
        Ok(())
    };
    match read() {
        Ok(()) => Check::pass(SUBJECT, what, "devices, precisions and numbers are read"),
        Err(error) => Check::fail(SUBJECT, what, error.to_string(), "correct the variable or leave it out"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::validation::Outcome;

    #[test]
    fn the_quick_reference_has_every_variable_and_no_other() {
        let page = include_str!("../../../../infra/QUICK_REFERENCE.md");
        let words = page.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
        let named: BTreeSet<_> = words.filter_map(|word| word.strip_prefix(PREFIX)).collect();
        assert_eq!(named, BTreeSet::from(VARIABLES));
    }

    #[test]
    fn a_misspelt_variable_is_named() {
        let named = |names: &[&str]| names_are_known(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(named(&["EASEL_MODEL", "EASEL_WORKER"]).outcome, Outcome::Pass);
        let check = named(&["EASEL_MODEL", "EASEL_PRECISON"]);
        assert_eq!((check.outcome, check.found.as_str()), (Outcome::Fail, "EASEL_PRECISON"));
    }
}
