//! What other networks add to the UNet's features on their way, and what is left out of its own work.

use burn::tensor::Tensor;

use super::context::ImageContext;
use super::kept_attention::CrossAttention;
use super::token_merging::TokenMerging;

/// What a batch of the UNet gets beside its conditioning.
#[derive(Default)]
pub(crate) struct Additions {
    /// What ControlNets add.
    pub(crate) residuals: Option<Residuals>,
    /// What T2I-Adapters add to the last features of each level before they become smaller, and to the middle's if there is
    /// one more; `[1, h, w, c]`.
    pub(crate) features: Vec<Tensor<4>>,
    /// Image prompts.
    pub(crate) images: Vec<ImageContext>,
    /// Whether cross-attention is computed, and what it makes kept.
    pub(crate) cross_attention: CrossAttention,
    /// How much is merged in the self-attentions with most places.
    pub(crate) merging: Option<TokenMerging>,
}

/// What a ControlNet makes of a batch: `[n, h, w, c]` each.
pub(crate) struct Residuals {
    /// For every result of the way down that the way up takes; those of the first level only where deeper ones are reused.
    pub(crate) down: Vec<Tensor<4>>,
    /// For the middle's result, where it is computed.
    pub(crate) middle: Option<Tensor<4>>,
}

impl Residuals {
    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            down: self.down.into_iter().zip(other.down).map(|(own, other)| own + other).collect(),
            middle: self.middle.zip(other.middle).map(|(own, other)| own + other),
        }
    }

    /// Multiplied by `scale`.
    pub(crate) fn scaled(self, scale: f64) -> Self {
        Self {
            down: self.down.into_iter().map(|residual| residual * scale).collect(),
            middle: self.middle.map(|residual| residual * scale),
        }
    }

    /// Added to what the way down has left.
    pub(super) fn add_to(&self, skips: &mut [Tensor<4>]) {
        for (skip, residual) in skips.iter_mut().zip(&self.down) {
            *skip = skip.clone() + residual.clone();
        }
    }
}
