//! Whether the environment is set up correctly.

use easel_system::environment::{OWN, PREFIX, own_names};

use super::ReadinessCheck;
use crate::engine::EngineOptions;
use crate::error::Error;
use crate::worker_options::WorkerOptions;

const SUBJECT: &str = "configuration";

/// Checks that every `EASEL_` variable is known and has a value that can be used.
#[must_use]
pub fn check_configuration() -> Vec<ReadinessCheck> {
    vec![names_are_known(&own_names()), values_can_be_used()]
}

fn names_are_known(set: &[String]) -> ReadinessCheck {
    let what = "variables are known";
    let unknown: Vec<_> = set.iter().map(String::as_str).filter(|name| !OWN.contains(name)).collect();
    if unknown.is_empty() {
        let found =
            if set.is_empty() { format!("no {PREFIX}* variables are set, using defaults") } else { set.join(", ") };
        return ReadinessCheck::pass(SUBJECT, what, found);
    }
    let known: Vec<_> = OWN.iter().filter_map(|name| name.strip_prefix(PREFIX)).collect();
    let advice = format!("correct or remove it; the known names are {PREFIX} followed by one of {}", known.join(", "));
    ReadinessCheck::fail(SUBJECT, what, unknown.join(", "), advice)
}

fn values_can_be_used() -> ReadinessCheck {
    let what = "values can be used";
    let read = || -> Result<(), Error> {
        EngineOptions::from_environment()?;
        WorkerOptions::from_environment()?;
        easel_storage::limits()?;
        easel_storage::approvals_needed()?;
        Ok(())
    };
    match read() {
        Ok(()) => ReadinessCheck::pass(SUBJECT, what, "devices, precisions and numbers are valid"),
        Err(error) => ReadinessCheck::fail(SUBJECT, what, error.to_string(), "correct the variable or remove it"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::validation::CheckOutcome;

    #[test]
    fn the_quick_reference_has_every_variable_and_no_other() {
        let page = include_str!("../../../../infra/QUICK_REFERENCE.md");
        let words = page.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_'));
        let named: BTreeSet<_> = words.filter(|word| word.starts_with(PREFIX)).collect();
        assert_eq!(named, OWN.iter().copied().collect());
    }

    #[test]
    fn a_misspelt_variable_is_named() {
        let named = |names: &[&str]| names_are_known(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(named(&["EASEL_MODEL", "EASEL_WORKER"]).outcome, CheckOutcome::Pass);
        let check = named(&["EASEL_MODEL", "EASEL_PRECISON"]);
        assert_eq!((check.outcome, check.found.as_str()), (CheckOutcome::Fail, "EASEL_PRECISON"));
    }
}
