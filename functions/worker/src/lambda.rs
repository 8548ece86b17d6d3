//! Messages delivered by the Lambda runtime.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use easel_system::environment::{self, QUEUE_URL};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::queue::MessageQueue;
use crate::sqs::Sqs;
use crate::validation::{self, ReadinessReport};
use crate::worker::{Deadline, Delivery, DeliveryOutcome, Worker};

/// An event that is being handled.
type Handling = Pin<Box<dyn Future<Output = Result<Value>> + Send>>;

/// The generate function.
struct GenerateFunction {
    worker: Worker,
    client: aws_sdk_sqs::Client,
    /// By ARN.
    queues: Mutex<HashMap<String, Sqs>>,
}

/// Handles the runtime's events until the environment ends.
///
/// # Errors
/// Fails if the runtime does.
pub async fn run(worker: Worker) -> Result<()> {
    let client = Sqs::client().await;
    let function = Arc::new(GenerateFunction { worker, client, queues: Mutex::default() });
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let function = function.clone();
        // Boxed, because the compiler gives up on futures that are nested this deeply.
        let handling: Handling = Box::pin(async move { function.handle(event).await });
        async move { handling.await.map_err(lambda_runtime::Error::from) }
    });
    lambda_runtime::run(handler).await.map_err(|error| Error::Failed(format!("the Lambda runtime: {error}")))
}

impl GenerateFunction {
    /// Handles a batch of messages of SQS and returns those to deliver again; or `{"validate": true}`, for which it returns
    /// a readiness report.
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value> {
        let LambdaEvent { payload, context } = event;
        let deadline = Deadline::at(context.deadline());
        let span = tracing::info_span!("invocation", request = context.request_id);
        let response = async {
            if payload["validate"] == true {
                return self.validate().await;
            }
            let batch: SqsEvent = serde_json::from_value(payload)
                .map_err(|error| Error::Failed(format!("the batch of messages cannot be read: {error}")))?;
            self.worker.offer().await;
            let mut response = SqsBatchResponse::default();
            for message in batch.records {
                if !self.is_done(&message, deadline).await {
                    response.add_failure(message.message_id.unwrap_or_default());
                }
            }
            serde_json::to_value(response)
                .map_err(|error| Error::Failed(format!("writing the batch response: {error}")))
        };
        tracing::Instrument::instrument(response, span).await
    }

    /// Checks whether everything that this function needs is ready, with its own rights.
    async fn validate(&self) -> Result<Value> {
        let mut checks = self.worker.validate().await?;
        if let Some(url) = environment::text(QUEUE_URL) {
            checks.extend(validation::check_queue(&Sqs::new(self.client.clone(), url)).await);
        }
        serde_json::to_value(ReadinessReport::new(checks))
            .map_err(|error| Error::Failed(format!("writing the report: {error}")))
    }

    /// Whether the queue may delete the message.
    async fn is_done(&self, message: &SqsMessage, deadline: Deadline) -> bool {
        let count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let delivery = delivery(message.body.clone().unwrap_or_default(), count.unwrap_or(1), deadline);
        let arn = message.event_source_arn.as_deref().unwrap_or_default();
        let DeliveryOutcome::HandBack { after, .. } = self.worker.handle(&delivery).await else { return true };
        let receipt = message.receipt_handle.as_deref().unwrap_or_default();
        let hidden = match self.queue(arn).await {
            Ok(queue) => queue.hide(receipt, after).await,
            Err(error) => Err(error),
        };
        if let Err(error) = hidden {
            tracing::warn!(%error, "the message will be delivered again only after its visibility timeout");
        }
        false
    }

    /// The queue that a message came from.
    async fn queue(&self, arn: &str) -> Result<Sqs> {
        let mut queues = self.queues.lock().await;
        if let Some(queue) = queues.get(arn) {
            return Ok(queue.clone());
        }
        let queue = match environment::text(QUEUE_URL) {
            Some(url) => Sqs::new(self.client.clone(), url),
            None => Sqs::named(&self.client, arn).await?,
        };
        queues.insert(arn.to_owned(), queue.clone());
        Ok(queue)
    }
}

/// A delivery without a stop signal: Lambda does not announce the end of an environment.
fn delivery(body: String, count: u32, deadline: Deadline) -> Delivery {
    Delivery { body, count, deadline, stop: CancellationToken::new() }
}
