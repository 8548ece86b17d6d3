//! Messages as the Lambda runtime brings them.

use std::collections::HashMap;
use std::env;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::polling::{GIVEN_UP, QUEUE_URL};
use crate::queue::MessageQueue;
use crate::sqs::Sqs;
use crate::validation::{self, Report};
use crate::worker::{Deadline, Delivery, Outcome, Worker};

/// Set by the runtime.
pub const RUNTIME: &str = "AWS_LAMBDA_RUNTIME_API";
/// The ARN of the queue of messages that were given up.
pub const DEAD_LETTER_ARN: &str = "EASEL_DEAD_LETTER_ARN";

/// The function.
struct Function {
    worker: Worker,
    client: aws_sdk_sqs::Client,
    /// By ARN.
    queues: Mutex<HashMap<String, Sqs>>,
    dead_letters: Option<String>,
}

/// Answers the runtime until the environment ends.
///
/// # Errors
/// The runtime's.
pub async fn run(worker: Worker) -> Result<()> {
    let dead_letters = env::var(DEAD_LETTER_ARN).ok().filter(|arn| !arn.is_empty());
    let client = Sqs::client().await;
    let function = Arc::new(Function { worker, client, queues: Mutex::default(), dead_letters });
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let function = function.clone();
        async move { function.answer(event).await.map_err(lambda_runtime::Error::from) }
    });
    lambda_runtime::run(handler).await.map_err(|error| Error::Failed(format!("the Lambda runtime: {error}")))
}

impl Function {
    /// A batch of messages of SQS, answered with those that are to come again; one message by itself, as a schedule
    /// sends it; or `{"validate": true}`, answered with a report.
    async fn answer(&self, event: LambdaEvent<Value>) -> Result<Value> {
        let LambdaEvent { payload, context } = event;
        let deadline = Deadline::at(context.deadline());
        let is_batch = payload["Records"]
            .as_array()
            .is_some_and(|records| records.first().is_some_and(|record| record["eventSource"] == "aws:sqs"));
        let span = tracing::info_span!("invocation", request = context.request_id);
        let answer = async {
            if payload["validate"] == true {
                // In a box: the compiler gives up on futures that are nested this deeply.
                return Box::pin(self.validate()).await;
            }
            if !is_batch {
                let delivery = delivery(payload.to_string(), 1, deadline);
                return match self.worker.handle(&delivery).await {
                    Outcome::Done => Ok(json!({})),
                    Outcome::HandBack { reason, .. } => Err(Error::Failed(reason)),
                };
            }
            let batch: SqsEvent = serde_json::from_value(payload)
                .map_err(|error| Error::Failed(format!("the batch of messages cannot be read: {error}")))?;
            let mut failures = Vec::new();
            for message in batch.records {
                if !self.is_done(&message, deadline).await {
                    failures.push(json!({ "itemIdentifier": message.message_id }));
                }
            }
            Ok(json!({ "batchItemFailures": failures }))
        };
        tracing::Instrument::instrument(answer, span).await
    }

    /// Whether everything is as this function needs it, with its own rights.
    async fn validate(&self) -> Result<Value> {
        let mut checks = self.worker.validate().await?;
        if let Some(url) = env::var(QUEUE_URL).ok().filter(|url| !url.is_empty()) {
            checks.extend(validation::check_queue(&Sqs::new(self.client.clone(), url)).await);
        }
        serde_json::to_value(Report::new(checks)).map_err(|error| Error::Failed(format!("writing the report: {error}")))
    }

    /// Whether the queue may delete the message.
    async fn is_done(&self, message: &SqsMessage, deadline: Deadline) -> bool {
        let count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let delivery = delivery(message.body.clone().unwrap_or_default(), count.unwrap_or(1), deadline);
        let arn = message.event_source_arn.as_deref().unwrap_or_default();
        let outcome = if self.dead_letters.as_deref() == Some(arn) {
            self.worker.dead_letter(&delivery, GIVEN_UP).await
        } else {
            self.worker.handle(&delivery).await
        };
        let Outcome::HandBack { after, .. } = outcome else { return true };
        let receipt = message.receipt_handle.as_deref().unwrap_or_default();
        let hidden = match self.queue(arn).await {
            Ok(queue) => queue.hide(receipt, after).await,
            Err(error) => Err(error),
        };
        if let Err(error) = hidden {
            tracing::warn!(%error, "the message comes again only after its visibility timeout");
        }
        false
    }

    /// The queue that a message came from.
    async fn queue(&self, arn: &str) -> Result<Sqs> {
        let mut queues = self.queues.lock().await;
        if let Some(queue) = queues.get(arn) {
            return Ok(queue.clone());
        }
        let named = env::var(QUEUE_URL).ok().filter(|url| !url.is_empty() && self.dead_letters.as_deref() != Some(arn));
        let queue = match named {
            Some(url) => Sqs::new(self.client.clone(), url),
            None => Sqs::named(&self.client, arn).await?,
        };
        queues.insert(arn.to_owned(), queue.clone());
        Ok(queue)
    }
}

/// Lambda tells no function that its environment ends.
fn delivery(body: String, count: u32, deadline: Deadline) -> Delivery {
    Delivery { body, count, deadline, stop: CancellationToken::new() }
}
