//! The results of cross-attention, kept from one evaluation for later ones (T-GATE, Zhang et al. 2024; the reference is
//! `tgate_processor` of its code).

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::Tensor;
use parking_lot::Mutex;

use crate::config::UNetConfig;

/// What an evaluation does about cross-attention.
#[derive(Clone, Default)]
pub(crate) enum CrossAttention {
    /// It is computed.
    #[default]
    Computed,
    /// It is computed, and its results are added to these.
    Kept(AttentionSums),
    /// It is not computed: these are its results.
    Reused(KeptAttention),
}

/// The results of an evaluation, summed over the texts that were attended to, by transformer block.
#[derive(Clone, Default)]
pub(crate) struct AttentionSums(Arc<Mutex<HashMap<String, (Tensor<3>, usize)>>>);

/// What cross-attention adds to a feature map in each transformer block, `[1, places, width]`: with the attention to image
/// prompts, before the residual.
#[derive(Clone)]
pub(crate) struct KeptAttention(Arc<HashMap<String, Tensor<3>>>);

impl CrossAttention {
    /// The result of the transformer block `name`, where it is not computed.
    pub(super) fn of_block(&self, name: &str) -> Option<Tensor<3>> {
        match self {
            Self::Reused(KeptAttention(results)) => results.get(name).cloned(),
            Self::Computed | Self::Kept(_) => None,
        }
    }
}

impl AttentionSums {
    /// Adds what the transformer block `name` made for `n` texts: `[n, places, width]`.
    pub(super) fn add(&self, name: &str, results: &Tensor<3>) {
        let [n, ..] = results.dims();
        let sum = if n == 1 { results.clone() } else { results.clone().sum_dim(0) };
        let mut sums = self.0.lock();
        let sum = match sums.remove(name) {
            Some((before, count)) => (before + sum, count + n),
            None => (sum, n),
        };
        sums.insert(name.to_owned(), sum);
    }

    /// The means over the texts.
    pub(crate) fn means(&self) -> KeptAttention {
        let mean = |(name, (sum, count)): (String, (Tensor<3>, usize))| {
            (name, if count == 1 { sum } else { sum / count as f32 })
        };
        KeptAttention(Arc::new(std::mem::take(&mut *self.0.lock()).into_iter().map(mean).collect()))
    }
}

/// How many numbers a [`KeptAttention`] has, of latents with `h` rows and `w` columns.
pub(crate) fn count_kept_numbers(config: &UNetConfig, (h, w): (usize, usize)) -> u64 {
    let of_level = |(level, channels): (usize, &usize)| {
        let places = (0..level).fold((h, w), |(h, w), _| (h.div_ceil(2), w.div_ceil(2)));
        (config.transformer_blocks(level) * places.0 * places.1 * channels) as u64
    };
    config.block_out_channels.iter().enumerate().map(of_level).sum()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::config::Shape;

    #[test]
    fn the_mean_is_over_all_texts_however_they_were_batched() {
        let device = Device::flex();
        let results = |values: &[f32]| Tensor::<1>::from_floats(values, &device).reshape([values.len() / 2, 1, 2]);
        let sums = AttentionSums::default();
        sums.add("a", &results(&[1.0, 2.0, 3.0, 4.0]));
        sums.add("b", &results(&[7.0, 8.0]));
        sums.add("a", &results(&[5.0, 9.0]));
        let kept = CrossAttention::Reused(sums.means());
        let of = |name| kept.of_block(name).map(|x| x.into_data().try_into_vec::<f32>().expect("f32"));
        assert_eq!((of("a"), of("b"), of("c")), (Some(vec![3.0, 5.0]), Some(vec![7.0, 8.0]), None));
        assert!(CrossAttention::Computed.of_block("a").is_none());
    }

    #[test]
    fn what_the_base_keeps_is_counted() {
        let config = Shape::SdxlBase.configs().expect("a known shape").unet;
        let kept = 10 * 4096 * 640 + 60 * 1024 * 1280;
        assert_eq!(count_kept_numbers(&config, (128, 128)), kept);
    }
}
