//! How many uploads somebody has asked for today.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};

use super::{Store, rows};
use crate::error::Result;

/// How long a day's row is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(48);

/// Whether another upload is within the limit of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadCount {
    /// It is, and is counted.
    Within,
    /// It is one too many; so many seconds are left of the day (UTC).
    Beyond {
        /// Until the count begins anew.
        seconds_left: u64,
    },
}

impl Store {
    /// Counts an upload of `owner`, unless there have been `most` on the day of `now`.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn count_upload(&self, owner: &str, most: u64, now: Timestamp) -> Result<UploadCount> {
        let (day, seconds_left) = day(now);
        if most == 0 {
            return Ok(UploadCount::Beyond { seconds_left });
        }
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(rows::key(&format!("UPLOADS#{owner}"), &day)))
            .update_expression("SET #expires = :expires ADD asked_for :one")
            .condition_expression("attribute_not_exists(asked_for) OR asked_for < :most")
            .expression_attribute_names("#expires", rows::EXPIRES)
            .expression_attribute_values(":expires", rows::number((now + KEPT).as_second()))
            .expression_attribute_values(":one", rows::number(1))
            .expression_attribute_values(":most", rows::number(most));
        match update.send().await {
            Ok(_) => Ok(UploadCount::Within),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                Ok(UploadCount::Beyond { seconds_left })
            }
            Err(error) => Err(rows::failed(error)),
        }
    }
}

/// The day of `now` in UTC, and how many seconds are left of it.
fn day(now: Timestamp) -> (String, u64) {
    // Timestamps are written in UTC, the date first.
    let day = now.to_string().chars().take_while(|letter| *letter != 'T').collect();
    let gone = now.as_second().rem_euclid(86_400);
    (day, u64::try_from(86_400 - gone).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        let at = |text: &str| day(text.parse().expect("a time"));
        assert_eq!(at("2026-01-31T23:59:50Z"), ("2026-01-31".to_owned(), 10));
        assert_eq!(at("2026-02-01T00:00:00Z"), ("2026-02-01".to_owned(), 86_400));
    }
}
