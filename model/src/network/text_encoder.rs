//! CLIP's text encoders (Radford et al. 2021; transformers `CLIPTextModel`, `CLIPTextModelWithProjection`).

use burn::tensor::module::embedding;
use burn::tensor::{FloatDType, Int, Tensor};

use crate::config::TextEncoderConfig;
use crate::error::Result;
use crate::network::encoder_layer::{Attend, EncoderLayer, EncoderLayerShape};
use crate::network::layers::{LayerNorm, Linear};
use crate::network::parameters::Parameters;
use crate::ops::{on_threads, tensor};

/// A text encoder; the second one of SDXL also projects its pooled state.
pub(crate) struct TextEncoder {
    token_embedding: Tensor<2>,
    position_embedding: Tensor<2>,
    layers: Vec<EncoderLayer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    compute: FloatDType,
    /// Whether it is computed by the CPU's kernels.
    has_kernels: bool,
}

/// What the UNet sees of a prompt.
#[derive(Clone)]
pub(crate) struct TextEmbedding {
    /// Output of the last layer but one, or of one further back, without the final norm: `[1, 77, hidden]`.
    pub hidden: Tensor<3>,
    /// Projected state at the first end-of-text token, if this encoder has a projection: `[1, projection]`.
    pub pooled: Option<Tensor<2>>,
}

/// What a text encoder reads at once.
pub(crate) struct TextInput<'a> {
    /// The token at each place.
    pub ids: &'a [u32],
    /// The place of the first end-of-text token.
    pub end_of_text: usize,
    /// Places whose token is a vector of a trained word, whatever their ids, and the vectors.
    pub vectors: Vec<(usize, &'a [f32])>,
    /// Places that the others do not attend to.
    pub ignored: &'a [usize],
}

impl<'a> TextInput<'a> {
    /// Words of the table, every one of which is attended to.
    pub(crate) fn of(ids: &'a [u32], end_of_text: usize) -> Self {
        Self { ids, end_of_text, vectors: Vec::new(), ignored: &[] }
    }
}

impl TextEmbedding {
    /// Bytes that its numbers take.
    pub(crate) fn bytes(&self) -> usize {
        let pooled = self.pooled.as_ref().map_or(0, |pooled| pooled.shape().num_elements() * pooled.dtype().size());
        self.hidden.shape().num_elements() * self.hidden.dtype().size() + pooled
    }
}

impl TextEncoder {
    /// Builds the encoder; activations are computed as `compute`.
    pub(crate) fn load(
        parameters: &Parameters,
        config: &TextEncoderConfig,
        with_projection: bool,
        compute: FloatDType,
    ) -> Result<Self> {
        let model = parameters.child("text_model");
        let embeddings = model.child("embeddings");
        let hidden = config.hidden_size;
        let token_embedding = embeddings.tensor("token_embedding.weight", [config.vocab_size, hidden])?;
        let position_embedding =
            embeddings.tensor("position_embedding.weight", [config.max_position_embeddings, hidden])?;
        let shape = EncoderLayerShape {
            width: hidden,
            inner: config.intermediate_size,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
            epsilon: config.layer_norm_eps,
        };
        let layers = (0..config.num_hidden_layers)
            .map(|index| EncoderLayer::load(&model.child(format_args!("encoder.layers.{index}")), &shape))
            .collect::<Result<_>>()?;
        let final_layer_norm = LayerNorm::load(&model.child("final_layer_norm"), hidden, config.layer_norm_eps)?;
        let text_projection = with_projection
            .then(|| {
                // One row for a whole prompt: 8 bits would save nothing.
                let parameters = parameters.child("text_projection").exact();
                Linear::load_without_bias(&parameters, hidden, config.projection_dim)
            })
            .transpose()?;
        Ok(Self {
            token_embedding,
            position_embedding,
            layers,
            final_layer_norm,
            text_projection,
            compute,
            has_kernels: parameters.has_kernels(),
        })
    }

    /// Encodes what can be read at once of a prompt. The states are those of the layer `skipped` before the last but one; the
    /// pooled state is always that of the last.
    pub(crate) fn forward(&self, input: &TextInput<'_>, skipped: usize) -> TextEmbedding {
        // Hundreds of products of a fraction of a millisecond each.
        if self.has_kernels { on_threads(|| self.encode(input, skipped)) } else { self.encode(input, skipped) }
    }

    fn encode(&self, input: &TextInput<'_>, skipped: usize) -> TextEmbedding {
        let device = self.token_embedding.device();
        let mut ids: Vec<i32> = input.ids.iter().map(|&id| id as i32).collect();
        input.vectors.iter().for_each(|&(place, _)| ids[place] = 0);
        let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &device).unsqueeze::<2>();
        let positions = self.position_embedding.clone().cast(self.compute).unsqueeze::<3>();
        // The rows are picked before they are widened: the table is large, a prompt is not.
        let mut x = embedding(self.token_embedding.clone(), ids).cast(self.compute);
        for &(place, vector) in &input.vectors {
            let vector = tensor(vector.to_vec(), [1, 1, vector.len()], &device).cast(self.compute);
            x = x.slice_assign([0..1, place..place + 1, 0..vector.dims()[2]], vector);
        }
        x = x + positions;
        let (last, others) = self.layers.split_last().expect("the configuration asks for at least two layers");
        let attend = Attend::Before(input.ignored);
        let kept = others.len().saturating_sub(skipped);
        for layer in &others[..kept] {
            x = layer.forward(x, attend);
        }
        let hidden = x.clone();
        let pooled = self.text_projection.as_ref().map(|projection| {
            let x = others[kept..].iter().fold(x, |x, layer| layer.forward(x, attend));
            // Only one place of the last layer is read.
            let x = match input.ignored {
                [] => last.forward_at(x, input.end_of_text),
                _ => last.forward(x, attend).narrow(1, input.end_of_text, 1),
            };
            projection.forward(self.final_layer_norm.forward(x).squeeze_dim::<2>(1))
        });
        TextEmbedding { hidden, pooled }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::config::Shape;
    use crate::precision::Precision;
    use crate::weights::RandomWeights;

    #[test]
    fn lower_precisions_change_states_by_little() {
        let configs = Shape::Demo.configs().expect("the demo's shape");
        let config = configs.text_encoder_2.expect("it has a second encoder");
        let (device, random) = (Device::flex(), RandomWeights::new(0));
        let ids: Vec<u32> = (0..77).map(|place| place * 37 % config.vocab_size as u32).collect();
        let encode = |precision: Precision| {
            let parameters = Parameters::new(&random, &device, precision.cpu_format());
            let compute = if precision == Precision::F32 { FloatDType::F32 } else { FloatDType::BF16 };
            let encoder = TextEncoder::load(&parameters, &config, true, compute).expect("it is built");
            let TextEmbedding { hidden, pooled } = encoder.forward(&TextInput::of(&ids, 40), 0);
            let pooled = pooled.expect("the second encoder projects");
            let [hidden, pooled] = [hidden.into_data(), pooled.into_data()].map(|data| data.convert::<f32>());
            [hidden, pooled].map(|data| data.try_into_vec::<f32>().expect("it was converted"))
        };
        let exact = encode(Precision::F32);
        for (precision, most) in [(Precision::Bf16, 0.02), (Precision::Int8, 0.04)] {
            for (exact, found) in exact.iter().zip(encode(precision)) {
                let square =
                    |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>();
                let difference = square(&mut exact.iter().zip(&found).map(|(exact, found)| exact - found));
                let error = (difference / square(&mut exact.iter().copied())).sqrt();
                assert!(error > 0.0 && error < most, "{precision}: {error}");
            }
        }
    }
}
