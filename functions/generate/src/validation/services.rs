//! Whether table, bucket and queue are there, with exactly the rights that a worker needs.

use std::env;

use easel_core::rights::{Answer, Trial};
use easel_core::workflow::Workflow;

use super::Check;
use crate::sqs::Sqs;

const TABLE: &str = "table";
const BUCKET: &str = "bucket";
const QUEUE: &str = "queue";

/// Tries what a worker does with table and bucket, on a row and an object of its own that are gone again afterwards, and
/// what it does not need.
pub async fn check_services(workflow: &Workflow) -> Vec<Check> {
    let mut checks: Vec<_> = workflow.store.try_rights().await.iter().map(|trial| needed(TABLE, trial)).collect();
    checks.extend(workflow.gallery.try_rights().await.iter().map(|trial| needed(BUCKET, trial)));
    if let Some(address) = own_address() {
        let reason = format!("services at {address} may check no rights");
        let advice = "run it against AWS, as the worker: {\"validate\": true} as the event of the generate function";
        checks.push(Check::not_made(TABLE, "nothing more may be done", reason, advice));
        return checks;
    }
    checks.extend(workflow.store.try_excess().await.iter().map(|trial| not_needed(TABLE, trial)));
    checks.extend(workflow.gallery.try_excess().await.iter().map(|trial| not_needed(BUCKET, trial)));
    checks
}

/// Tries what a worker does with its queue, on a message that there is not. Receiving is not tried: it would count as a
/// delivery.
pub async fn check_queue(queue: &Sqs) -> Vec<Check> {
    queue.try_rights().await.iter().map(|trial| needed(QUEUE, trial)).collect()
}

/// The address of services that are not AWS's own.
fn own_address() -> Option<String> {
    let variables = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"];
    variables.into_iter().find_map(|name| env::var(name).ok().filter(|url| !url.is_empty()))
}

fn needed(subject: &str, Trial { right, on, answer }: &Trial) -> Check {
    let what = format!("{right} on {on}");
    match answer {
        Answer::Granted => Check::pass(subject, what, "granted"),
        Answer::Refused => Check::fail(
            subject,
            what,
            "refused",
            format!("give the worker's role {right}, as infra/template.yaml does"),
        ),
        Answer::Unknown(detail) => {
            let advice =
                format!("see that the {subject} is there, under this name and in this region, and can be reached");
            Check::fail(subject, what, detail, advice)
        }
    }
}

fn not_needed(subject: &str, Trial { right, on, answer }: &Trial) -> Check {
    let what = format!("no {right} on {on}");
    match answer {
        Answer::Refused => Check::pass(subject, what, "refused"),
        Answer::Granted => {
            let advice = "no worker needs it: take it from the role, or run this with the worker's own role, by the event \
                          {\"validate\": true} of the generate function";
            Check::fail(subject, what, "granted", advice)
        }
        Answer::Unknown(detail) => {
            Check::not_made(subject, what, detail, "run it again when the service can be reached")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::Outcome;

    #[test]
    fn a_right_is_there_exactly_where_it_is_needed() {
        let trial = |answer| Trial { right: "s3:PutObject", on: "pictures/published/…".to_owned(), answer };
        let unknown = || Answer::Unknown("dispatch failure".to_owned());
        let outcomes = |check: fn(&str, &Trial) -> Check| {
            [Answer::Granted, Answer::Refused, unknown()].map(|answer| check("bucket", &trial(answer)).outcome)
        };
        assert_eq!(outcomes(needed), [Outcome::Pass, Outcome::Fail, Outcome::Fail]);
        assert_eq!(outcomes(not_needed), [Outcome::Fail, Outcome::Pass, Outcome::NotChecked]);
    }
}
