//! What one network that is several ControlNets makes of the kinds of its control images (diffusers `ControlNetUnionModel`).

use burn::tensor::{FloatDType, Tensor};

use crate::config::{UNetConfig, UnionConfig};
use crate::error::Result;
use crate::network::layers::{LayerNorm, Linear, TimestepEmbedding, sinusoids};
use crate::network::parameters::Parameters;
use crate::ops::Activation;

/// The layers that only unions have.
pub(super) struct Union {
    /// A vector for each kind.
    task_embedding: Tensor<2>,
    layers: Vec<UnionLayer>,
    spatial_ch_projs: Linear,
    control_add_embedding: TimestepEmbedding,
    kinds: usize,
    time_width: usize,
    compute: FloatDType,
}

/// A layer of the transformer over images. The reference lets a token attend to the same token of the other images of the batch,
/// which is the token itself, because both sides of guidance have the same control images. So attention is nothing but its
/// values, and a token does not depend on the others.
struct UnionLayer {
    ln_1: LayerNorm,
    v_proj: Linear,
    out_proj: Linear,
    ln_2: LayerNorm,
    c_fc: Linear,
    c_proj: Linear,
}

impl Union {
    pub(super) fn load(
        parameters: &Parameters,
        config: &UnionConfig,
        unet: &UNetConfig,
        compute: FloatDType,
    ) -> Result<Self> {
        let parameters = &parameters.exact();
        let (kinds, width, first) = (config.num_control_type, config.num_trans_channel, unet.block_out_channels[0]);
        // The reference spells it so.
        let layer = |index| UnionLayer::load(&parameters.child(format_args!("transformer_layes.{index}")), width);
        let add = parameters.child("control_add_embedding");
        Ok(Self {
            task_embedding: parameters.tensor("task_embedding", [kinds, width])?,
            layers: (0..config.num_trans_layer).map(layer).collect::<Result<_>>()?,
            spatial_ch_projs: Linear::load(&parameters.child("spatial_ch_projs"), width, first)?,
            control_add_embedding: TimestepEmbedding::load(&add, kinds * unet.addition_time_embed_dim, 4 * first)?,
            kinds,
            time_width: unet.addition_time_embed_dim,
            compute,
        })
    }

    /// What is added to every place of the features `[1, h, w, c]` of a control image of `kind`, whose vector is multiplied by
    /// `scale` as they are: `[1, 1, 1, c]`.
    pub(super) fn features_of(&self, features: Tensor<4>, kind: usize, scale: f64) -> Tensor<4> {
        let [n, _, _, width] = features.dims();
        let mean = features.cast(FloatDType::F32).mean_dim(1).mean_dim(2).reshape([n, 1, width]).cast(self.compute);
        let task = self.task_embedding.clone().cast(self.compute).narrow(0, kind, 1).unsqueeze::<3>() * scale;
        let token = self.layers.iter().fold(mean + task, |x, layer| layer.forward(x));
        self.spatial_ch_projs.forward(token).reshape([n, 1, 1, width])
    }

    /// The vector `[1, embedding]` that says which `kinds` of control images there are.
    pub(super) fn embed(&self, kinds: &[usize]) -> Tensor<2> {
        let present: Vec<f32> = (0..self.kinds).map(|kind| f32::from(u8::from(kinds.contains(&kind)))).collect();
        let rows = sinusoids(&present, self.time_width, &self.task_embedding.device());
        self.control_add_embedding.forward(rows.reshape([1, self.kinds * self.time_width]).cast(self.compute))
    }
}

impl UnionLayer {
    fn load(parameters: &Parameters, width: usize) -> Result<Self> {
        let attention = parameters.child("attn");
        Ok(Self {
            ln_1: LayerNorm::load(&parameters.child("ln_1"), width, 1e-5)?,
            v_proj: Linear::load(&attention.child("v_proj"), width, width)?,
            out_proj: Linear::load(&attention.child("out_proj"), width, width)?,
            ln_2: LayerNorm::load(&parameters.child("ln_2"), width, 1e-5)?,
            c_fc: Linear::load_with(&parameters.child("mlp.c_fc"), width, 4 * width, Activation::QuickGelu)?,
            c_proj: Linear::load(&parameters.child("mlp.c_proj"), 4 * width, width)?,
        })
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let x = self.out_proj.forward_onto(self.v_proj.forward(self.ln_1.forward(x.clone())), x);
        self.c_proj.forward_onto(self.c_fc.forward(self.ln_2.forward(x.clone())), x)
    }
}
