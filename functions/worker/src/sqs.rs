//! A queue of SQS.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{DisplayErrorContext, SdkError};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use easel_storage::rights::{Answer, Trial};

use crate::error::{Error, Result};
use crate::queue::{MessageQueue, Received};

/// Seconds that SQS waits for a message, at most.
const LONG_POLL: i32 = 20;
/// The longest that SQS hides a message.
const LONGEST_HIDING: Duration = Duration::from_secs(12 * 3600);

/// Error codes about a message that does not exist, which only callers with the right get.
const NO_MESSAGE: [&str; 3] = ["ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight"];

/// A queue by its URL.
#[derive(Debug, Clone)]
pub struct Sqs {
    client: Client,
    url: String,
}

impl Sqs {
    /// The queue at `url`.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// The queue with this ARN, in this client's region and account.
    ///
    /// # Errors
    /// Fails if there is no such queue or SQS fails.
    pub async fn named(client: &Client, arn: &str) -> Result<Self> {
        let name = arn.rsplit(':').next().unwrap_or(arn);
        let found = client.get_queue_url().queue_name(name).send().await.map_err(failed)?;
        let url = found.queue_url.ok_or_else(|| Error::Failed(format!("SQS: the queue {name} has no URL")))?;
        Ok(Self::new(client.clone(), url))
    }

    /// A client configured by the environment, with timeouts that allow for long polling.
    pub async fn client() -> Client {
        let shared = easel_storage::configuration().load().await;
        let timeouts = aws_config::timeout::TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(30))
            .build();
        let configuration = aws_sdk_sqs::config::Builder::from(&shared).timeout_config(timeouts).build();
        Client::from_conf(configuration)
    }

    /// Tries a worker's rights on messages, with a message that does not exist.
    pub async fn try_rights(&self) -> Vec<Trial> {
        let receipt = "none";
        let delete = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt).send().await;
        let hide = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        let hide = hide.visibility_timeout(0).send().await;
        let trial = |right, answer| Trial { right, on: self.url.clone(), answer };
        vec![
            trial("sqs:DeleteMessage", Answer::to(delete, &NO_MESSAGE)),
            trial("sqs:ChangeMessageVisibility", Answer::to(hide, &NO_MESSAGE)),
        ]
    }
}

impl MessageQueue for Sqs {
    async fn receive(&self, hidden_for: Duration) -> Result<Option<Received>> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(1)
            .wait_time_seconds(LONG_POLL)
            .visibility_timeout(seconds(hidden_for))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .map_err(failed)?;
        Ok(received.messages.unwrap_or_default().into_iter().next().map(|message| {
            let attributes = message.attributes.unwrap_or_default();
            let count = attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount);
            Received {
                receipt: message.receipt_handle.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                count: count.and_then(|count| count.parse().ok()).unwrap_or(1),
            }
        }))
    }

    async fn delete(&self, receipt: &str) -> Result<()> {
        let delete = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        delete.send().await.map_err(failed)?;
        Ok(())
    }

    async fn hide(&self, receipt: &str, hidden_for: Duration) -> Result<()> {
        let hide = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt);
        hide.visibility_timeout(seconds(hidden_for)).send().await.map_err(failed)?;
        Ok(())
    }
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> i32 {
    let duration = duration.min(LONGEST_HIDING);
    i32::try_from(duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).unwrap_or(i32::MAX)
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: SdkError<E>) -> Error {
    let detail = DisplayErrorContext(&error).to_string();
    Error::Service(easel_storage::Error::Unavailable { service: "SQS", detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_is_one() {
        let hidden = [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(5), Duration::MAX];
        assert_eq!(hidden.map(seconds), [0, 1, 5, 43_200]);
    }
}
