//! Whether table, bucket and queue exist, and a worker has exactly the rights that it needs.

use easel_storage::rights::{Answer, Trial};
use easel_storage::workflow::Workflow;
use easel_system::environment::{self, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3};

use super::ReadinessCheck;
use crate::sqs::Sqs;

const TABLE: &str = "table";
const BUCKET: &str = "bucket";
const QUEUE: &str = "queue";

/// Tries the rights that a worker needs on table and bucket, with a checkpoint that is removed afterwards and under
/// conditions that never hold, and those that it must not have.
pub async fn check_services(workflow: &Workflow) -> Vec<ReadinessCheck> {
    let mut checks: Vec<_> = workflow.store.try_rights().await.iter().map(|trial| needed(TABLE, trial)).collect();
    checks.extend(workflow.gallery.try_rights().await.iter().map(|trial| needed(BUCKET, trial)));
    if let Some(address) = own_address() {
        let reason = format!("the services at {address} may not check rights");
        let advice =
            "run this check on AWS as the worker: send the event {\"validate\": true} to the generate function";
        checks.push(ReadinessCheck::not_made(TABLE, "nothing more may be done", reason, advice));
        return checks;
    }
    checks.extend(workflow.store.try_excess().await.iter().map(|trial| not_needed(TABLE, trial)));
    checks.extend(workflow.gallery.try_excess().await.iter().map(|trial| not_needed(BUCKET, trial)));
    checks
}

/// Tries the rights that a worker needs on its queue, with a message that does not exist. Receiving is not tried,
/// because it would count as a delivery.
pub async fn check_queue(queue: &Sqs) -> Vec<ReadinessCheck> {
    queue.try_rights().await.iter().map(|trial| needed(QUEUE, trial)).collect()
}

/// The address of services other than AWS's own, if one is set.
fn own_address() -> Option<String> {
    [AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_S3].into_iter().find_map(environment::text)
}

fn needed(subject: &str, Trial { right, on, answer }: &Trial) -> ReadinessCheck {
    let what = format!("{right} on {on}");
    match answer {
        Answer::Granted => ReadinessCheck::pass(subject, what, "granted"),
        Answer::Refused => ReadinessCheck::fail(
            subject,
            what,
            "refused",
            format!("give the worker's role {right}, as infra/template.yaml does"),
        ),
        Answer::Unknown(detail) => {
            let advice =
                format!("check that the {subject} exists under this name and in this region, and can be reached");
            ReadinessCheck::fail(subject, what, detail, advice)
        }
    }
}

fn not_needed(subject: &str, Trial { right, on, answer }: &Trial) -> ReadinessCheck {
    let what = format!("no {right} on {on}");
    match answer {
        Answer::Refused => ReadinessCheck::pass(subject, what, "refused"),
        Answer::Granted => {
            let advice = "workers do not need it: remove it from the role, or run this check with the worker's own role: \
                          send the event {\"validate\": true} to the generate function";
            ReadinessCheck::fail(subject, what, "granted", advice)
        }
        Answer::Unknown(detail) => {
            ReadinessCheck::not_made(subject, what, detail, "run it again when the service can be reached")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::CheckOutcome;

    #[test]
    fn a_right_is_there_exactly_where_it_is_needed() {
        let trial = |answer| Trial { right: "s3:PutObject", on: "images/published/…".to_owned(), answer };
        let unknown = || Answer::Unknown("dispatch failure".to_owned());
        let outcomes = |check: fn(&str, &Trial) -> ReadinessCheck| {
            [Answer::Granted, Answer::Refused, unknown()].map(|answer| check("bucket", &trial(answer)).outcome)
        };
        assert_eq!(outcomes(needed), [CheckOutcome::Pass, CheckOutcome::Fail, CheckOutcome::Fail]);
        assert_eq!(outcomes(not_needed), [CheckOutcome::Fail, CheckOutcome::Pass, CheckOutcome::NotChecked]);
    }
}
