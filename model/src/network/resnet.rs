//! The residual block that SDXL's UNet and VAE share (diffusers `ResnetBlock2D`).

use std::ops::Range;

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::error::Result;
use crate::network::layers::{Conv2d, GroupNorm, Linear, Moments};
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
    /// the result there is only the hidden state. `moments` are those of the map, where they are known already. The
    /// result comes with its own, for a norm of as many groups.
    pub(super) fn forward_in_tiles(
        &self,
        features: FeatureMap,
        moments: Option<Moments>,
        tiling: RowTiling,
    ) -> (Tensor<4>, Moments) {
        let [n, h, w, input] = features.dims();
        let moments = moments.unwrap_or_else(|| tiling.moments(&features, &self.norm1));
        let norm = self.norm1.of_moments(&moments);
        let (mut hidden, mut shortcut, mut moments) = (None, None, None);
        let place = |whole: Option<Tensor<4>>, tile: &Range<usize>, rows: Tensor<4>| {
            let size = [n, h, w, rows.dims()[3]];
            let whole = whole.unwrap_or_else(|| Tensor::zeros(size, (&rows.device(), rows.dtype())));
            Some(put(whole, tile, rows))
        };
        for tile in tiling.tiles([n, h, w, input]) {
            let (rows, edges) = with_neighbours(&tile, h);
            let x = features.rows(rows.clone());
            if let Some(conv) = &self.conv_shortcut {
                let inner = x.clone().narrow(1, tile.start - rows.start, tile.len());
                shortcut = place(shortcut, &tile, conv.forward(inner));
            }
            let rows = self.conv1.forward_rows(norm.forward_silu(x), edges, None);
            // While the rows are near.
            moments = Moments::with(moments, self.norm2.moments(rows.clone()));
            hidden = place(hidden, &tile, rows);
        }
        let hidden = FeatureMap::Whole(hidden.expect("a feature map has rows"));
        let mut result = match (shortcut, features) {
            (Some(shortcut), _) => shortcut,
            (None, FeatureMap::Whole(x)) => x,
            (None, features @ FeatureMap::Upsampled(..)) => features.rows(0..h),
        };
        let norm = self.norm2.of_moments(&moments.expect("a feature map has rows"));
        let mut moments = None;
        for tile in tiling.tiles(hidden.dims()) {
            let (rows, edges) = with_neighbours(&tile, h);
            let residual = result.clone().narrow(1, tile.start, tile.len());
            let rows = self.conv2.forward_rows(norm.forward_silu(hidden.rows(rows)), edges, Some(residual));
            moments = Moments::with(moments, self.norm2.moments(rows.clone()));
            result = put(result, &tile, rows);
        }
        (result, moments.expect("a feature map has rows"))
    }
}
