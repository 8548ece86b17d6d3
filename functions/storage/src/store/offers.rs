//! What workers offer by name: a row each, beside what they report of themselves. The API has no files, so this is how it
//! knows.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Store;
use super::rows::{self, EXPIRES};
use super::workers::ON_DEMAND;
use crate::error::Result;
use crate::offer::Offer;

pub(super) const OFFERS: &str = "OFFERS";
/// How long the row of a worker that speaks by itself outlives its last word, and that of the others.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
const KEPT_ON_DEMAND: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Most bytes of names and digests in a row, which holds 400 KB.
const MAX_BYTES: usize = 300_000;

/// What one worker offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerOffers {
    /// The worker's name.
    pub worker: String,
    /// When it last looked.
    pub at: Timestamp,
    /// The models, the one that is drawn with unless asked otherwise first.
    pub models: Vec<Offer>,
    /// The LoRAs.
    pub loras: Vec<Offer>,
    /// The textual inversions.
    pub embeddings: Vec<Offer>,
    /// The control models.
    #[serde(default)]
    pub controls: Vec<Offer>,
    /// The adapters for image prompts.
    #[serde(default)]
    pub image_adapters: Vec<Offer>,
    /// The upscalers.
    #[serde(default)]
    pub upscalers: Vec<Offer>,
    /// Whether there are more of them than a row holds.
    #[serde(default)]
    pub is_cut: bool,
    /// Whether the worker runs only while there is something to do.
    #[serde(default)]
    pub on_demand: bool,
}

impl WorkerOffers {
    /// The same, cut to what a row holds.
    fn within_limits(mut self) -> Self {
        let mut bytes = 0;
        let guides = [&mut self.controls, &mut self.image_adapters, &mut self.upscalers];
        for offers in [&mut self.models, &mut self.loras, &mut self.embeddings].into_iter().chain(guides) {
            let fitting = offers.iter().take_while(|offer| {
                bytes += offer.bytes();
                bytes <= MAX_BYTES
            });
            let fitting = fitting.count();
            self.is_cut |= fitting < offers.len();
            offers.truncate(fitting);
        }
        self
    }
}

impl Store {
    /// Writes what a worker offers, in the place of what it offered before.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn publish_offers(&self, offers: &WorkerOffers) -> Result<()> {
        let (name, kept) = if offers.on_demand { (ON_DEMAND, KEPT_ON_DEMAND) } else { (offers.worker.as_str(), KEPT) };
        let mut row = rows::write(OFFERS, name, &offers.clone().within_limits())?;
        row.insert(EXPIRES.to_owned(), rows::number((offers.at + kept).as_second()));
        self.client.put_item().table_name(&self.table).set_item(Some(row)).send().await.map_err(rows::failed)?;
        Ok(())
    }

    /// What every worker that is still known offers, the last to speak first.
    ///
    /// # Errors
    /// Returns [`Unavailable`](crate::Error::Unavailable) if DynamoDB fails.
    pub async fn offers(&self) -> Result<Vec<WorkerOffers>> {
        // DynamoDB removes rows that are past their time when it pleases.
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("PK = :offers")
            .filter_expression("#expires > :now")
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":offers", AttributeValue::S(OFFERS.to_owned()))
            .expression_attribute_values(":now", rows::number(Timestamp::now().as_second()));
        let found = rows::all(query, None).await?;
        let mut offers: Vec<WorkerOffers> = found.into_iter().map(rows::read).collect::<Result<_>>()?;
        offers.sort_by_key(|offers| std::cmp::Reverse(offers.at));
        Ok(offers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_row_does_not_hold_is_left_out_and_that_is_said() {
        let offer = |number: usize| Offer { sha256: Some("f".repeat(64)), ..Offer::named(format!("{number:0>100}")) };
        let few: Vec<_> = (0..10).map(offer).collect();
        let offers = WorkerOffers {
            worker: "w".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            models: few.clone(),
            loras: few,
            embeddings: (0..5_000).map(offer).collect(),
            controls: Vec::new(),
            image_adapters: Vec::new(),
            upscalers: Vec::new(),
            is_cut: false,
            on_demand: false,
        };
        let small = WorkerOffers { embeddings: Vec::new(), ..offers.clone() };
        assert_eq!(small.clone().within_limits(), small);
        let cut = offers.within_limits();
        assert!(cut.is_cut && (1_000..2_000).contains(&cut.embeddings.len()), "{}", cut.embeddings.len());
        let row = rows::write(OFFERS, "w", &cut).expect("a row");
        assert!(super::super::sizes::size(&row) < super::super::sizes::LIMIT);
    }
}
