//! What decisions say of single images, what approvals say that were not enough, and which files an attempt is drawn with:
//! in the task's row beside what the indexes have, which would otherwise grow with every word and name.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

type Row = HashMap<String, AttributeValue>;

/// The attribute that no index has.
const REMARKS: &str = "remarks";
const APPROVAL: &str = "approval";
const APPROVALS: &str = "approvals";
const ATTEMPT: &str = "attempt";
const REJECTION: &str = "rejection";
const USED: &str = "used";

/// Puts the remarks of a task's row into an attribute of their own.
pub(super) fn set_apart(row: &mut Row) {
    let mut remarks = Row::from([(APPROVAL.to_owned(), taken(row.get_mut(APPROVAL), &["notes"]))]);
    if let Some(AttributeValue::M(attempt)) = row.get_mut(ATTEMPT) {
        remarks.insert(REJECTION.to_owned(), taken(attempt.get_mut(REJECTION), &["notes", "regions"]));
        remarks.extend(attempt.remove_entry(USED));
        if let Some(AttributeValue::L(approvals)) = attempt.get_mut(APPROVALS) {
            let said = approvals.iter_mut().map(|approval| taken(Some(approval), &["note", "notes"]));
            remarks.insert(APPROVALS.to_owned(), AttributeValue::L(said.collect()));
        }
    }
    remarks.retain(|_, said| match said {
        AttributeValue::M(said) => !said.is_empty(),
        AttributeValue::L(said) => !said.is_empty(),
        _ => true,
    });
    if !remarks.is_empty() {
        row.insert(REMARKS.to_owned(), AttributeValue::M(remarks));
    }
}

/// Puts the remarks of a task's row back where they belong. A row of an index has none.
pub(super) fn put_back(row: &mut Row) {
    let Some(AttributeValue::M(mut remarks)) = row.remove(REMARKS) else { return };
    give(row.get_mut(APPROVAL), remarks.remove(APPROVAL));
    if let Some(AttributeValue::M(attempt)) = row.get_mut(ATTEMPT) {
        give(attempt.get_mut(REJECTION), remarks.remove(REJECTION));
        attempt.extend(remarks.remove_entry(USED));
        if let (Some(AttributeValue::L(approvals)), Some(AttributeValue::L(said))) =
            (attempt.get_mut(APPROVALS), remarks.remove(APPROVALS))
        {
            approvals.iter_mut().zip(said).for_each(|(approval, said)| give(Some(approval), Some(said)));
        }
    }
}

/// What a map has under these names, and has no longer.
fn taken(map: Option<&mut AttributeValue>, names: &[&str]) -> AttributeValue {
    let Some(AttributeValue::M(map)) = map else { return AttributeValue::M(Row::new()) };
    AttributeValue::M(names.iter().filter_map(|name| map.remove_entry(*name)).collect())
}

fn give(map: Option<&mut AttributeValue>, said: Option<AttributeValue>) {
    if let (Some(AttributeValue::M(map)), Some(AttributeValue::M(said))) = (map, said) {
        map.extend(said);
    }
}
