//! The VAE's middle, the same on both sides (diffusers `UNetMidBlock2D`).

use burn::tensor::Tensor;

use crate::config::VaeConfig;
use crate::error::Result;
use crate::network::layers::{Attention, GroupNorm};
use crate::network::parameters::Parameters;
use crate::network::resnet::ResnetBlock;

/// The group norms of the VAE have their own epsilon.
pub(super) const NORM_EPSILON: f64 = 1e-6;

/// Residual block, attention over all places, residual block.
pub(super) struct Middle {
    before: ResnetBlock,
    attention: Option<(GroupNorm, Attention)>,
    after: ResnetBlock,
}

impl Middle {
    pub(super) fn load(parameters: &Parameters, config: &VaeConfig, channels: usize) -> Result<Self> {
        let groups = config.norm_num_groups;
        let resnet = |name| ResnetBlock::load(&parameters.child(name), channels, channels, None, groups, NORM_EPSILON);
        let attention = if config.mid_block_add_attention {
            let parameters = parameters.child("attentions.0");
            let norm = GroupNorm::load(&parameters.child("group_norm"), groups, channels, NORM_EPSILON)?;
            Some((norm, Attention::load_single_head(&parameters, channels)?))
        } else {
            None
        };
        Ok(Self { before: resnet("resnets.0")?, attention, after: resnet("resnets.1")? })
    }

    /// `[n, h, w, c]` → the same shape.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut x = self.before.forward(x, None);
        if let Some((norm, attention)) = &self.attention {
            let [n, h, w, c] = x.dims();
            let rows = norm.forward(x.clone()).reshape([n, h * w, c]);
            x = attention.forward_onto(rows, x.reshape([n, h * w, c])).reshape([n, h, w, c]);
        }
        self.after.forward(x, None)
    }
}
