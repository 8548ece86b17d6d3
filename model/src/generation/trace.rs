//! Keeps the tensors on the way from a prompt to an image, under the reference implementation's names.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::error::{Error, Result};

/// Intermediate tensors of one generation: `token_ids_1`, `token_ids_2` and, where there are weights, `multipliers`
/// `[texts, portions, 77]`; `prompt_embeds`, `pooled`, the same with `negative_` before them and, of the parts of a prompt
/// after the first, with `_1` and so on behind them; `padded_prompt_embeds` or `padded_negative_prompt_embeds`, whichever is
/// filled up; `embedding_rows_1`, `embedding_rows_2`, the vectors of trained words; `noise` `[n, 4, h, w]`; `timesteps`;
/// with an init image `draw_0` and `draw_1`, the noise of its latents and of the first step; `first_eps_text`,
/// `first_eps_negative`; `control_step`, the first step at which ControlNets are at work, and what reaches the UNet's text side
/// there: `control_mid` `[1, c, h, w]` in the middle, `control_norms`, the lengths of all; of image prompts `pixel_values`
/// `[images, 3, side, side]`, `image_embeds`, `ip_hidden_states` and `negative_ip_hidden_states` `[1, images, tokens, c]`;
/// `lora_norms`, the lengths of what the first LoRA changes; `latents_k` after step k of the base model; `base_latents`, `final_latents`;
/// `image` `[n, height, width, 3]`.
#[derive(Debug, Default)]
pub struct Trace {
    tensors: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Trace {
    /// The names that were kept.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The numbers of a kept tensor, row-major, whatever they are kept as.
    pub fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        let kept = self.tensors.get(name)?;
        Some(match kept.dtype {
            Dtype::F32 => kept.data.as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect(),
            Dtype::F64 => kept.data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect(),
            Dtype::I64 => kept.data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes) as f64).collect(),
            _ => kept.data.iter().map(|&byte| f64::from(byte)).collect(),
        })
    }

    /// Writes everything to a safetensors file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |source| Error::Io { action: "writing", path: path.to_owned(), source };
        let views = self.tensors.iter().map(|(name, kept)| {
            TensorView::new(kept.dtype, kept.shape.clone(), &kept.data).map(|view| (name.as_str(), view))
        });
        let views = views.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| failed(std::io::Error::other(e)))?;
        let bytes = safetensors::serialize(views, None).map_err(|e| failed(std::io::Error::other(e)))?;
        std::fs::write(path, bytes).map_err(failed)
    }

    pub(crate) fn keep_floats(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        self.keep(name, Dtype::F32, shape, values.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(crate) fn keep_doubles(&mut self, name: &str, values: &[f64]) {
        self.keep(name, Dtype::F64, &[values.len()], values.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(crate) fn keep_ids(&mut self, name: &str, shape: &[usize], ids: &[u32]) {
        self.keep(name, Dtype::I64, shape, ids.iter().flat_map(|&id| i64::from(id).to_le_bytes()));
    }

    pub(crate) fn keep_bytes(&mut self, name: &str, shape: &[usize], bytes: Vec<u8>) {
        self.keep(name, Dtype::U8, shape, bytes.into_iter());
    }

    fn keep(&mut self, name: impl Into<String>, dtype: Dtype, shape: &[usize], data: impl Iterator<Item = u8>) {
        self.tensors.insert(name.into(), Kept { dtype, shape: shape.to_vec(), data: data.collect() });
    }
}
