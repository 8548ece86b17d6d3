//! The report for people.

use crate::output::escaped;
use easel_worker::validation::{CheckOutcome, ReadinessCheck, ReadinessReport};

/// A line a check, and a line below it where there is something to do.
pub(super) fn text(report: &ReadinessReport) -> String {
    let mut lines = vec![format!("easel {}: {}", report.version, verdict(report))];
    for check in &report.checks {
        let word = word(check.outcome);
        lines.push(format!("{word:<11}  {:<13}  {}: {}", check.subject, check.what, escaped(&findings(check))));
        if let Some(advice) = &check.advice {
            lines.push(format!("{:<28}→ {}", "", escaped(advice)));
        }
    }
    lines.join("\n")
}

/// A table.
pub(super) fn markdown(report: &ReadinessReport) -> String {
    let mut lines = vec![
        format!("# Easel {}: {}", report.version, verdict(report)),
        String::new(),
        "| | about | check | found | what to do |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for check in &report.checks {
        let advice = check.advice.clone().unwrap_or_default();
        let cells = [word(check.outcome), &check.subject, &check.what, &findings(check), &advice].map(cell);
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    lines.join("\n")
}

fn verdict(report: &ReadinessReport) -> &'static str {
    if report.ready { "ready" } else { "not ready" }
}

fn word(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Pass => "pass",
        CheckOutcome::Fail => "FAIL",
        CheckOutcome::NotChecked => "not checked",
    }
}

fn findings(check: &ReadinessCheck) -> String {
    let expected = check.expected.as_ref().map(|expected| format!(" ({expected} expected)")).unwrap_or_default();
    format!("{}{expected}", check.found)
}

/// What is found may hold any character.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('\\', "\\\\").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_line_in_both_forms() {
        let checks = vec![
            ReadinessCheck::pass("device", "is chosen", "a|b\nc").expecting("d"),
            ReadinessCheck::fail("table", "is there", "no", "make it"),
        ];
        let report = ReadinessReport::new(checks);
        let text = text(&report);
        assert!(text.contains(": not ready\n"), "{text}");
        assert!(text.contains("FAIL") && text.contains("→ make it"), "{text}");
        let markdown = markdown(&report);
        assert!(markdown.contains("| pass | device | is chosen | a\\|b c (d expected) |  |"), "{markdown}");
        assert_eq!(markdown.lines().count(), 6, "{markdown}");
    }
}
