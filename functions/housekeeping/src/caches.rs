//! The caches of the distribution through which published images are seen.

use aws_sdk_cloudfront::Client;
use aws_sdk_cloudfront::error::DisplayErrorContext;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use easel_system::environment::{self, DISTRIBUTION};

use crate::error::{Error, Result};

/// A distribution, if there is one.
pub(crate) struct Caches(Option<(Client, String)>);

impl Caches {
    /// The distribution that `EASEL_DISTRIBUTION` names.
    pub(crate) async fn from_environment() -> Self {
        let Some(distribution) = environment::text(DISTRIBUTION) else { return Self(None) };
        let configuration = easel_storage::configuration().load().await;
        Self(Some((Client::new(&configuration), distribution)))
    }

    /// Has the caches forget these objects. `reference` is the same if the same is asked again.
    ///
    /// # Errors
    /// Returns [`Error::Caches`] if CloudFront fails.
    pub(crate) async fn forget(&self, keys: &[String], reference: &str) -> Result<()> {
        let Some((client, distribution)) = &self.0 else { return Ok(()) };
        let failed = |error: String| Error::Caches(error);
        let paths = keys.iter().map(|key| format!("/{key}")).collect::<Vec<_>>();
        let count = i32::try_from(paths.len()).unwrap_or(i32::MAX);
        let paths = Paths::builder().quantity(count).set_items(Some(paths)).build();
        let paths = paths.map_err(|error| failed(error.to_string()))?;
        let batch = InvalidationBatch::builder().paths(paths).caller_reference(reference).build();
        let batch = batch.map_err(|error| failed(error.to_string()))?;
        let invalidation = client.create_invalidation().distribution_id(distribution).invalidation_batch(batch);
        invalidation.send().await.map_err(|error| failed(DisplayErrorContext(&error).to_string()))?;
        tracing::info!(?keys, "the caches forget withdrawn images");
        Ok(())
    }
}
