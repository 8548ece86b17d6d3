//! CLIP's image encoder (Radford et al. 2021; transformers `CLIPVisionModelWithProjection`).

use burn::tensor::{FloatDType, Tensor};

use crate::config::ImageEncoderConfig;
use crate::error::Result;
use crate::network::encoder_layer::{Attend, EncoderLayer, EncoderLayerShape};
use crate::network::layers::{Conv2d, LayerNorm, Linear};
use crate::network::parameters::Parameters;

/// Makes vectors of an image's content.
pub(crate) struct ImageEncoder {
    patch_embedding: Conv2d,
    class_embedding: Tensor<1>,
    position_embedding: Tensor<2>,
    /// Spelt so in the files.
    pre_layrnorm: LayerNorm,
    layers: Vec<EncoderLayer>,
    post_layernorm: LayerNorm,
    visual_projection: Linear,
    compute: FloatDType,
}

impl ImageEncoder {
    /// Builds the encoder; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &ImageEncoderConfig, compute: FloatDType) -> Result<Self> {
        let parameters = &parameters.exact();
        let model = parameters.child("vision_model");
        let embeddings = model.child("embeddings");
        let (width, epsilon) = (config.hidden_size, config.layer_norm_eps);
        let shape = EncoderLayerShape {
            width,
            inner: config.intermediate_size,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
            epsilon,
        };
        let layers = (0..config.num_hidden_layers)
            .map(|index| EncoderLayer::load(&model.child(format_args!("encoder.layers.{index}")), &shape))
            .collect::<Result<_>>()?;
        Ok(Self {
            patch_embedding: Conv2d::patches(&embeddings.child("patch_embedding"), 3, width, config.patch_size)?,
            class_embedding: embeddings.tensor("class_embedding", [width])?,
            position_embedding: embeddings.tensor("position_embedding.weight", [1 + config.patches(), width])?,
            pre_layrnorm: LayerNorm::load(&model.child("pre_layrnorm"), width, epsilon)?,
            layers,
            post_layernorm: LayerNorm::load(&model.child("post_layernorm"), width, epsilon)?,
            visual_projection: Linear::load_without_bias(
                &parameters.child("visual_projection"),
                width,
                config.projection_dim,
            )?,
            compute,
        })
    }

    /// The states of `images` `[n, 3, side, side]` behind the last layer but one: `[n, 1 + patches, width]`.
    pub(crate) fn states(&self, images: Tensor<4>) -> Tensor<3> {
        let x = self.patch_embedding.forward(images.permute([0, 2, 3, 1]).cast(self.compute));
        let [n, h, w, width] = x.dims();
        let class = self.class_embedding.clone().cast(self.compute).reshape([1, 1, width]).expand([n, 1, width]);
        let x = Tensor::cat(vec![class, x.reshape([n, h * w, width])], 1);
        let x = x + self.position_embedding.clone().cast(self.compute).unsqueeze::<3>();
        let others = &self.layers[..self.layers.len().saturating_sub(1)];
        others.iter().fold(self.pre_layrnorm.forward(x), |x, layer| layer.forward(x, Attend::Everywhere))
    }

    /// One vector for each of `images` `[n, 3, side, side]`: `[n, projection]`.
    pub(crate) fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        let states = self.states(images);
        let last = self.layers.iter().skip(self.layers.len().saturating_sub(1));
        let x = last.fold(states, |x, layer| layer.forward(x, Attend::Everywhere));
        self.visual_projection.forward(self.post_layernorm.forward(x.narrow(1, 0, 1).squeeze_dim::<2>(1)))
    }
}
