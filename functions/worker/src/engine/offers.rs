//! What an engine offers by name.

use std::time::{Duration, Instant};

use easel_models::offers::{OfferKind, OfferedName};
use easel_storage::offers::Offer;
use easel_storage::store::WorkerOffers;
use jiff::Timestamp;

use super::Engine;
use super::on_demand::is_on_demand;

/// How often a server is asked what it has.
const ASK_EVERY: Duration = Duration::from_secs(60);

impl Engine {
    /// What a worker with this engine offers, looked at anew: folders each time, servers from time to time. This takes a while,
    /// so it must not run on a thread of an async runtime.
    #[must_use]
    pub fn offers(&self, worker: &str) -> WorkerOffers {
        let asks = {
            let mut looked = self.looked.lock();
            let is_due = looked.is_none_or(|looked| looked.elapsed() >= ASK_EVERY);
            if is_due {
                *looked = Some(Instant::now());
            }
            is_due
        };
        let names = |kind: OfferKind| {
            let Some(catalogue) = self.catalogues.get(&kind) else { return Vec::new() };
            if (asks || catalogue.is_local())
                && let Err(error) = catalogue.refresh()
            {
                tracing::warn!(%error, "which {kind}s are offered cannot be seen: those of before stay");
            }
            catalogue.names().into_iter().map(|offered| self.offer(kind, offered)).collect()
        };
        WorkerOffers {
            worker: worker.to_owned(),
            at: Timestamp::now(),
            models: self.model_names().into_iter().map(Offer::named).collect(),
            loras: names(OfferKind::Lora),
            embeddings: names(OfferKind::Embedding),
            controls: names(OfferKind::Control),
            image_adapters: names(OfferKind::ImageAdapter),
            upscalers: names(OfferKind::Upscaler),
            is_cut: false,
            on_demand: is_on_demand(),
        }
    }

    fn offer(&self, kind: OfferKind, OfferedName { name, sha256, path }: OfferedName) -> Offer {
        let facts = path.map(|path| self.examined.facts(kind, &path)).unwrap_or_default();
        Offer { name, sha256, kinds: facts.kinds, unusable: facts.unusable }
    }
}
