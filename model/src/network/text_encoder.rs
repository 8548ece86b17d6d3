//! CLIP's text encoders (Radford et al. 2021; transformers `CLIPTextModel`, `CLIPTextModelWithProjection`).

use burn::tensor::module::embedding;
use burn::tensor::{FloatDType, Int, Tensor};

use crate::config::TextEncoderConfig;
use crate::error::Result;
use crate::network::encoder_layer::{Attend, EncoderLayer, EncoderLayerShape};
use crate::network::layers::{LayerNorm, Linear};
use crate::network::parameters::Parameters;
use crate::ops::tensor;

/// A text encoder; the second one of SDXL also projects its pooled state.
pub(crate) struct TextEncoder {
    token_embedding: Tensor<2>,
    position_embedding: Tensor<2>,
    layers: Vec<EncoderLayer>,
    final_layer_norm: LayerNorm,
    text_projection: Option<Linear>,
    compute: FloatDType,
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
        let parameters = &parameters.exact();
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
            .then(|| Linear::load_without_bias(&parameters.child("text_projection"), hidden, config.projection_dim))
            .transpose()?;
        Ok(Self { token_embedding, position_embedding, layers, final_layer_norm, text_projection, compute })
    }

    /// Encodes what can be read at once of a prompt. The states are those of the layer `skipped` before the last but one; the
    /// pooled state is always that of the last.
    pub(crate) fn forward(&self, input: &TextInput<'_>, skipped: usize) -> TextEmbedding {
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
            let normed = self.final_layer_norm.forward(last.forward(x, attend));
            projection.forward(normed.narrow(1, input.end_of_text, 1).squeeze_dim::<2>(1))
        });
        TextEmbedding { hidden, pooled }
    }
}
