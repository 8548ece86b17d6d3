//! How much memory a model needs.

use easel_settings::{LONGEST_UNTILED, ResolvedSettings};

use super::Model;
use crate::config::{UNetConfig, UpscalerShape};
use crate::device::Requirement;
use crate::error::{Error, Result};
use crate::network::unet::count_kept_numbers;
use crate::network::vae::SCALE;
use crate::precision::Precision;
use crate::stage::Stage;
use crate::upscaling::UpscalerWork;
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
        Ok(Requirement {
            memory: largest * bytes + Self::WORKING_MEMORY,
            largest_tensor: Self::largest_tensor(base, refiner, bytes),
            precision,
            is_packed: packed[0].is_some(),
        })
    }

    /// Bytes of the largest tensor: of the weights, `bytes` for each number, and of what the VAE computes in f32 for an image of
    /// the model's own size.
    fn largest_tensor(base: &ModelSource, refiner: Option<&ModelSource>, bytes: u64) -> u64 {
        let sources = [Some(base), refiner].into_iter().flatten();
        let components = sources.flat_map(|source| Component::ALL.map(|component| source.manifest(component)));
        let numbers = |shape: &[usize]| shape.iter().product::<usize>() as u64;
        let weights = components.flat_map(|manifest| manifest.iter().map(|(_, shape)| numbers(shape)).max());
        // The finest level but one is the widest that is upsampled to the image's size.
        let vae = base.vae_config().map_or(0, |vae| {
            let channels = vae.block_out_channels.get(1).or(vae.block_out_channels.first()).copied().unwrap_or(0);
            u64::from(base.native_side()).pow(2) * channels as u64 * Precision::F32.bytes() as u64
        });
        vae.max(weights.max().unwrap_or(0) * bytes)
    }

    /// What [`ModelSource::memory_of_image`] says, of a model that is open.
    #[must_use]
    pub fn memory_of_image(&self, settings: &ResolvedSettings, upscaler: Option<UpscalerShape>) -> u64 {
        memory_of_image(self.unet_config(Stage::Base), self.native_size(), settings, upscaler)
    }

    /// Bytes with every component in memory, weights held in `precision`, as a service that keeps them has it.
    #[must_use]
    pub fn memory_at_once(base: &ModelSource, refiner: Option<&ModelSource>, precision: Precision) -> u64 {
        let bytes = precision.bytes() as u64;
        let unets = [Some(base), refiner].into_iter().flatten();
        let unets: u64 = unets.map(|source| source.count_numbers(Component::UNet)).sum();
        // The refiner's text encoder and VAE are its base's. Of the encoders, the tables of words are not held in 8 bits, nor
        // is the VAE: to count all of them as if they had 16 is on the safe side.
        let others = [Component::TextEncoder, Component::TextEncoder2, Component::Vae];
        let others: u64 = others.iter().map(|&component| base.count_numbers(component)).sum();
        unets * bytes + others * bytes.max(2) + Self::WORKING_MEMORY
    }
}

impl ModelSource {
    /// Bytes that an image of these `settings` takes beside [`Model::WORKING_MEMORY`], in which one of 2048×2048 has room: the
    /// numbers of a larger one, before and after the VAE, what the network that enlarges it before a second pass takes, and the
    /// cross-attention that is kept of every image.
    #[must_use]
    pub fn memory_of_image(&self, settings: &ResolvedSettings, upscaler: Option<UpscalerShape>) -> u64 {
        memory_of_image(self.unet_config(), self.native_side(), settings, upscaler)
    }
}

fn memory_of_image(
    unet: &UNetConfig,
    native: u32,
    settings: &ResolvedSettings,
    upscaler: Option<UpscalerShape>,
) -> u64 {
    // In f32: the sum of the tiles and how often each place was added to, a copy on its way from the device; and bytes.
    const BYTES: u64 = 12 + 4 + 12 + 3;
    let side = |asked: Option<u32>| asked.unwrap_or(native);
    let first = (side(settings.width), side(settings.height));
    let last = settings.hires_pass(first).map_or(first, |pass| pass.size);
    let pixels = u64::from(last.0) * u64::from(last.1);
    let beyond = pixels.saturating_sub(u64::from(LONGEST_UNTILED).pow(2));
    let latents = (last.1 as usize / SCALE, last.0 as usize / SCALE);
    let kept = match settings.attention_gate {
        // In f32, the largest format.
        Some(_) => 4 * u64::from(settings.count) * count_kept_numbers(unet, latents),
        None => 0,
    };
    BYTES * beyond + kept + upscaler.map_or(0, |shape| UpscalerWork::of(shape, first, 4).memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Shape;

    #[test]
    fn the_largest_tensor_is_in_the_vae_unless_weights_are_larger() {
        let largest = |shape, precision| {
            let source = ModelSource::random(shape).expect("a known shape");
            Model::requirement(&source, None, precision).expect("it is known").largest_tensor
        };
        // 256 channels at 1024×1024 in f32.
        assert_eq!(largest(Shape::SdxlBase, Some(Precision::F16)), 1 << 30);
        // 49,408 words of 1,280 numbers are less.
        assert_eq!(largest(Shape::SdxlBase, Some(Precision::F32)), 1 << 30);
        assert!((1 << 20..1 << 26).contains(&largest(Shape::Demo, None)));
    }

    #[test]
    fn four_thousand_pixels_a_side_stay_below_ten_gigabytes() {
        let base = ModelSource::random(Shape::SdxlBase).expect("a known shape");
        let settings = ResolvedSettings {
            width: Some(1024),
            height: Some(1024),
            hires_scale: Some(4.0),
            tile_size: Some(1024),
            ..ResolvedSettings::new("a heart")
        };
        for (precision, upscaler) in [(Precision::Int8, Some(UpscalerShape::ESRGAN)), (Precision::Bf16, None)] {
            let requirement = Model::requirement(&base, None, Some(precision)).expect("it is known");
            let whole = requirement.memory + base.memory_of_image(&settings, upscaler);
            assert!(whole < 10_240_000_000, "{precision}: {whole}");
        }
        let usual = ResolvedSettings { hires_scale: None, ..settings };
        assert_eq!(base.memory_of_image(&usual, None), 0);
        let gated = ResolvedSettings { attention_gate: Some(0.4), count: 2, tile_size: None, ..usual };
        assert_eq!(base.memory_of_image(&gated, None), 2 * 4 * (10 * 4096 * 640 + 60 * 1024 * 1280));
    }
}
