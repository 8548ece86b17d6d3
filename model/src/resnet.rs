//! The residual block that SDXL's UNet and VAE share (diffusers `ResnetBlock2D`).

use burn::tensor::Tensor;
use burn::tensor::activation::silu;

use crate::bands::{Bands, Picture, put, with_neighbours};
use crate::error::Result;
use crate::layers::{Conv2d, GroupNorm, Linear};
use crate::parameters::Parameters;

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

    /// What [`Self::forward`] without an embedding makes of one picture, in bands of rows: beside the picture and the
    /// result there is only the hidden state.
    pub(crate) fn forward_in_bands(&self, picture: Picture, bands: Bands) -> Tensor<4> {
        let [n, h, w, input] = picture.dims();
        let norm = bands.norm(&picture, &self.norm1);
        let (mut hidden, mut shortcut) = (None, None);
        for band in bands.of([n, h, w, input]) {
            let (rows, edges) = with_neighbours(&band, h);
            let features = picture.rows(rows.clone());
            let place = |whole: Option<Tensor<4>>, rows: Tensor<4>| {
                let size = [n, h, w, rows.dims()[3]];
                let whole = whole.unwrap_or_else(|| Tensor::zeros(size, (&rows.device(), rows.dtype())));
                Some(put(whole, &band, rows))
            };
            if let Some(conv) = &self.conv_shortcut {
                let inner = features.clone().narrow(1, band.start - rows.start, band.len());
                shortcut = place(shortcut, conv.forward(inner));
            }
            hidden = place(hidden, self.conv1.forward_rows(norm.forward_silu(features), edges, None));
        }
        let hidden = Picture::Whole(hidden.expect("a picture has rows"));
        let mut result = match (shortcut, picture) {
            (Some(shortcut), _) => shortcut,
            (None, Picture::Whole(x)) => x,
            (None, picture @ Picture::Doubled(..)) => picture.rows(0..h),
        };
        let norm = bands.norm(&hidden, &self.norm2);
        for band in bands.of(hidden.dims()) {
            let (rows, edges) = with_neighbours(&band, h);
            let residual = result.clone().narrow(1, band.start, band.len());
            let rows = self.conv2.forward_rows(norm.forward_silu(hidden.rows(rows)), edges, Some(residual));
            result = put(result, &band, rows);
        }
        result
    }
}
