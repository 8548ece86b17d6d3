//! The residual block that SDXL's UNet and VAE share (diffusers `ResnetBlock2D`).

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm, Linear};
use crate::network::parameters::Parameters;
use crate::network::row_tiling::{FeatureMap, RowTiling, put, with_neighbours};

/// Two convolutions with group norm and SiLU before each, and a shortcut.
pub(crate) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Option<Linear>,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    /// `embedding` is the width of the time embedding; the VAE has none.
    pub(crate) fn load(
        parameters: &Parameters,
        input: usize,
        output: usize,
        embedding: Option<usize>,
        groups: usize,
        epsilon: f64,
    ) -> Result<Self> {
        Ok(Self {
            norm1: GroupNorm::load(&parameters.child("norm1"), groups, input, epsilon)?,
            conv1: Conv2d::same(&parameters.child("conv1"), input, output)?,
            time_emb_proj: embedding
                .map(|width| Linear::load(&parameters.child("time_emb_proj").exact(), width, output))
                .transpose()?,
            norm2: GroupNorm::load(&parameters.child("norm2"), groups, output, epsilon)?,
            conv2: Conv2d::same(&parameters.child("conv2"), output, output)?,
            conv_shortcut: (input != output)
                .then(|| Conv2d::pointwise(&parameters.child("conv_shortcut"), input, output))
                .transpose()?,
        })
    }

    /// `x` `[n, h, w, input]` and `embedding` `[n, embedding]` → `[n, h, w, output]`.
    pub(crate) fn forward(&self, x: Tensor<4>, embedding: Option<&Tensor<2>>) -> Tensor<4> {
        let hidden = self.norm1.forward_silu(x.clone());
        let hidden = match (&self.time_emb_proj, embedding) {
            (Some(projection), Some(embedding)) => {
                self.conv1.forward_shifted(hidden, projection.forward(silu(embedding.clone())))
            }
            _ => self.conv1.forward(hidden),
        };
        let hidden = self.norm2.forward_silu(hidden);
        let shortcut = match &self.conv_shortcut {
            Some(shortcut) => shortcut.forward(x),
            None => x,
        };
        self.conv2.forward_onto(hidden, shortcut)
    }

    /// What [`Self::forward`] without an embedding makes of one feature map, in tiles of rows: beside the map and
    /// the result there is only the hidden state.
    pub(super) fn forward_in_tiles(&self, features: FeatureMap, tiling: RowTiling) -> Tensor<4> {
        let [n, h, w, input] = features.dims();
        let norm = tiling.norm(&features, &self.norm1);
        let (mut hidden, mut shortcut) = (None, None);
        for tile in tiling.tiles([n, h, w, input]) {
            let (rows, edges) = with_neighbours(&tile, h);
            let x = features.rows(rows.clone());
            let place = |whole: Option<Tensor<4>>, rows: Tensor<4>| {
                let size = [n, h, w, rows.dims()[3]];
                let whole = whole.unwrap_or_else(|| Tensor::zeros(size, (&rows.device(), rows.dtype())));
                Some(put(whole, &tile, rows))
            };
            if let Some(conv) = &self.conv_shortcut {
                let inner = x.clone().narrow(1, tile.start - rows.start, tile.len());
                shortcut = place(shortcut, conv.forward(inner));
            }
            hidden = place(hidden, self.conv1.forward_rows(norm.forward_silu(x), edges, None));
        }
        let hidden = FeatureMap::Whole(hidden.expect("a feature map has rows"));
        let mut result = match (shortcut, features) {
            (Some(shortcut), _) => shortcut,
            (None, FeatureMap::Whole(x)) => x,
            (None, features @ FeatureMap::Upsampled(..)) => features.rows(0..h),
        };
        let norm = tiling.norm(&hidden, &self.norm2);
        for tile in tiling.tiles(hidden.dims()) {
            let (rows, edges) = with_neighbours(&tile, h);
            let residual = result.clone().narrow(1, tile.start, tile.len());
            let rows = self.conv2.forward_rows(norm.forward_silu(hidden.rows(rows)), edges, Some(residual));
            result = put(result, &tile, rows);
        }
        result
    }
}
