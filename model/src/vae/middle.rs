//! The VAE's middle, the same on both sides (diffusers `UNetMidBlock2D`).

use burn::tensor::Tensor;

use super::NORM_EPSILON;
use crate::config::VaeConfig;
use crate::error::Result;
use crate::layers::{Attention, GroupNorm};
use crate::parameters::Parameters;
use crate::resnet::ResnetBlock;

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

    /// `[n, c, h, w]` → the same shape.
    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut x = self.before.forward(x, None);
        if let Some((norm, attention)) = &self.attention {
            let [n, c, h, w] = x.dims();
            let rows = norm.forward(x.clone()).reshape([n, c, h * w]).swap_dims(1, 2);
            x = attention.forward(rows, None).swap_dims(1, 2).reshape([n, c, h, w]) + x;
        }
        self.after.forward(x, None)
    }
}
