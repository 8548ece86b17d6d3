//! What the UNet is conditioned on beside its latents, and the vector that it makes of most of it.

use burn::tensor::{FloatDType, Tensor};

use super::context::TextKeys;
use crate::config::UNetConfig;
use crate::error::Result;
use crate::network::layers::{TimestepEmbedding, sinusoids};
use crate::network::parameters::Parameters;

/// What the UNet is conditioned on; the same for every step of a run.
#[derive(Clone)]
pub(crate) struct Conditioning {
    /// Text context `[n, tokens, cross_attention_dim]`.
    pub context: Tensor<3>,
    /// Pooled text embedding `[n, pooled]`.
    pub pooled: Tensor<2>,
    /// Sizes and crop of each image of the batch, one after another (base: height, width, top, left,
    /// target height, target width; refiner: height, width, top, left, aesthetic score).
    pub time_ids: Vec<f32>,
    /// How many of the batch are of the negative side, which come first.
    pub negatives: usize,
    /// What the UNet's transformer blocks made of the context. Another UNet, or one with other LoRAs, needs others.
    pub keys: TextKeys,
}

/// Makes one vector of timestep, sizes and pooled text.
pub(in crate::network) struct ConditioningEmbedding {
    time_embedding: TimestepEmbedding,
    add_embedding: TimestepEmbedding,
    time_width: usize,
    add_time_width: usize,
    compute: FloatDType,
}

impl ConditioningEmbedding {
    pub(in crate::network) fn load(parameters: &Parameters, config: &UNetConfig, compute: FloatDType) -> Result<Self> {
        let first = config.block_out_channels[0];
        let embedding = 4 * first;
        Ok(Self {
            time_embedding: TimestepEmbedding::load(&parameters.child("time_embedding").exact(), first, embedding)?,
            add_embedding: TimestepEmbedding::load(
                &parameters.child("add_embedding").exact(),
                config.projection_class_embeddings_input_dim,
                embedding,
            )?,
            time_width: first,
            add_time_width: config.addition_time_embed_dim,
            compute,
        })
    }

    /// Timestep, sizes and pooled text as one vector per image: `[n, embedding]`.
    pub(in crate::network) fn forward(&self, timestep: f64, conditioning: &Conditioning, batch: usize) -> Tensor<2> {
        let device = conditioning.pooled.device();
        let time = sinusoids(&[timestep as f32], self.time_width, &device).cast(self.compute);
        let sizes = sinusoids(&conditioning.time_ids, self.add_time_width, &device);
        let width = conditioning.time_ids.len() / batch * self.add_time_width;
        let sizes = sizes.reshape([batch, width]).cast(self.compute);
        let pooled = conditioning.pooled.clone().cast(self.compute);
        let added = self.add_embedding.forward(Tensor::cat(vec![pooled, sizes], 1));
        self.time_embedding.forward(time) + added
    }
}
