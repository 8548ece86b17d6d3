//! How much memory a model needs.

use super::Model;
use crate::device::Requirement;
use crate::error::{Error, Result};
use crate::precision::Precision;
use crate::weights::{Component, ModelSource};

impl Model {
    /// What a device must have for a model, in the `precision` that was asked for or that the weights are packed for.
    ///
    /// # Errors
    /// Weights that are packed for another precision.
    pub fn requirement(
        base: &ModelSource,
        refiner: Option<&ModelSource>,
        precision: Option<Precision>,
    ) -> Result<Requirement> {
        let packed: Vec<_> = [Some(base), refiner].into_iter().flatten().map(ModelSource::packed).collect();
        if let (Some(packed), Some(asked)) = (packed[0], precision)
            && asked != packed
        {
            let message = format!("{asked} was asked for, but the weights are packed for {packed}");
            return Err(Error::invalid("precision", message));
        }
        if packed.iter().any(|other| *other != packed[0]) {
            return Err(Error::invalid("refiner", "is not packed as the base is: convert both for the same precision"));
        }
        let precision = precision.or(packed[0]);
        // 16 bits is what a device that is short of memory would be used with.
        let bytes = precision.map_or(2, Precision::bytes) as u64;
        let unets = [Some(base), refiner].into_iter().flatten();
        let largest = unets.map(|source| source.count_numbers(Component::UNet)).max().unwrap_or(0);
        Ok(Requirement { memory: largest * bytes + Self::WORKING_MEMORY, precision, is_packed: packed[0].is_some() })
    }

    /// Bytes with every component in memory, weights held in `precision`, as a service that keeps them has it.
    #[must_use]
    pub fn memory_at_once(base: &ModelSource, refiner: Option<&ModelSource>, precision: Precision) -> u64 {
        let bytes = precision.bytes() as u64;
        let unets = [Some(base), refiner].into_iter().flatten();
        let unets: u64 = unets.map(|source| source.count_numbers(Component::UNet)).sum();
        // The refiner's text encoder and VAE are its base's, and none of them is held in 8 bits.
        let others = [Component::TextEncoder, Component::TextEncoder2, Component::Vae];
        let others: u64 = others.iter().map(|&component| base.count_numbers(component)).sum();
        unets * bytes + others * bytes.max(2) + Self::WORKING_MEMORY
    }
}
