//! From an image encoder's vectors to tokens that the UNet attends to (Ye et al. 2023, "IP-Adapter": `ImageProjModel`,
//! `Resampler`).

use burn::tensor::activation::gelu;
use burn::tensor::{FloatDType, Tensor};

use crate::error::Result;
use crate::network::layers::{LayerNorm, Linear, heads_attention};
use crate::network::parameters::Parameters;

/// Width of a head of the resampler's attention, which is in no file.
const HEAD: usize = 64;
const EPSILON: f64 = 1e-5;

/// The sizes of an image projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageProjectionShape {
    /// One vector of `input` numbers becomes `tokens` tokens.
    Linear { input: usize, tokens: usize },
    /// States of `input` numbers are asked by `tokens` queries in `depth` layers.
    Resampler { input: usize, tokens: usize, width: usize, inner: usize, feed_forward: usize, depth: usize },
}

/// Makes tokens of an image.
#[expect(clippy::large_enum_variant, reason = "there is one of them")]
pub(crate) enum ImageProjection {
    /// Of the vector of the whole image.
    Linear { proj: Linear, norm: LayerNorm, tokens: usize, compute: FloatDType },
    /// Of the states of its patches.
    Resampler(Resampler),
}

impl ImageProjection {
    /// Builds the projection whose tokens are `context` wide.
    pub(crate) fn load(
        parameters: &Parameters,
        shape: ImageProjectionShape,
        context: usize,
        compute: FloatDType,
    ) -> Result<Self> {
        let parameters = &parameters.child("image_proj").exact();
        Ok(match shape {
            ImageProjectionShape::Linear { input, tokens } => Self::Linear {
                proj: Linear::load(&parameters.child("proj"), input, tokens * context)?,
                norm: LayerNorm::load(&parameters.child("norm"), context, EPSILON)?,
                tokens,
                compute,
            },
            ImageProjectionShape::Resampler { input, tokens, width, inner, feed_forward, depth } => {
                let layers = (0..depth).map(|index| {
                    ResamplerLayer::load(&parameters.child(format_args!("layers.{index}")), width, inner, feed_forward)
                });
                Self::Resampler(Resampler {
                    latents: parameters.tensor("latents", [1, tokens, width])?,
                    proj_in: Linear::load(&parameters.child("proj_in"), input, width)?,
                    layers: layers.collect::<Result<_>>()?,
                    proj_out: Linear::load(&parameters.child("proj_out"), width, context)?,
                    norm_out: LayerNorm::load(&parameters.child("norm_out"), context, EPSILON)?,
                    compute,
                })
            }
        })
    }

    /// `images` `[n, 1, input]` or `[n, states, input]` → `[n, tokens, context]`.
    pub(crate) fn forward(&self, images: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Linear { proj, norm, tokens, compute } => {
                let n = images.dims()[0];
                let x = proj.forward(images.cast(*compute));
                let width = x.dims()[2] / tokens;
                norm.forward(x.reshape([n, *tokens, width]))
            }
            Self::Resampler(resampler) => resampler.forward(images),
        }
    }
}

/// Queries that attend to an image's states and to themselves.
pub(crate) struct Resampler {
    latents: Tensor<3>,
    proj_in: Linear,
    layers: Vec<ResamplerLayer>,
    proj_out: Linear,
    norm_out: LayerNorm,
    compute: FloatDType,
}

impl Resampler {
    fn forward(&self, images: Tensor<3>) -> Tensor<3> {
        let n = images.dims()[0];
        let [_, tokens, width] = self.latents.dims();
        let x = self.proj_in.forward(images.cast(self.compute));
        let latents = self.latents.clone().cast(self.compute).expand([n, tokens, width]);
        let latents = self.layers.iter().fold(latents, |latents, layer| layer.forward(&x, latents));
        self.norm_out.forward(self.proj_out.forward(latents))
    }
}

struct ResamplerLayer {
    norm1: LayerNorm,
    norm2: LayerNorm,
    to_q: Linear,
    to_kv: Linear,
    to_out: Linear,
    feed_forward_norm: LayerNorm,
    feed_forward_in: Linear,
    feed_forward_out: Linear,
    heads: usize,
}

impl ResamplerLayer {
    fn load(parameters: &Parameters, width: usize, inner: usize, feed_forward: usize) -> Result<Self> {
        let (attention, behind) = (parameters.child("0"), parameters.child("1"));
        Ok(Self {
            norm1: LayerNorm::load(&attention.child("norm1"), width, EPSILON)?,
            norm2: LayerNorm::load(&attention.child("norm2"), width, EPSILON)?,
            to_q: Linear::load_without_bias(&attention.child("to_q"), width, inner)?,
            to_kv: Linear::load_without_bias(&attention.child("to_kv"), width, 2 * inner)?,
            to_out: Linear::load_without_bias(&attention.child("to_out"), inner, width)?,
            feed_forward_norm: LayerNorm::load(&behind.child("0"), width, EPSILON)?,
            feed_forward_in: Linear::load_without_bias(&behind.child("1"), width, feed_forward)?,
            feed_forward_out: Linear::load_without_bias(&behind.child("3"), feed_forward, width)?,
            heads: inner / HEAD,
        })
    }

    /// `x` `[n, states, width]`, `latents` `[n, tokens, width]` → `[n, tokens, width]`.
    fn forward(&self, x: &Tensor<3>, latents: Tensor<3>) -> Tensor<3> {
        let (images, queries) = (self.norm1.forward(x.clone()), self.norm2.forward(latents.clone()));
        let query = self.to_q.forward(queries.clone());
        let both = self.to_kv.forward(Tensor::cat(vec![images, queries], 1));
        let inner = both.dims()[2] / 2;
        let (key, value) = (both.clone().narrow(2, 0, inner), both.narrow(2, inner, inner));
        let latents = self.to_out.forward_onto(heads_attention(query, key, value, self.heads, false), latents);
        let hidden = gelu(self.feed_forward_in.forward(self.feed_forward_norm.forward(latents.clone())));
        self.feed_forward_out.forward_onto(hidden, latents)
    }
}
