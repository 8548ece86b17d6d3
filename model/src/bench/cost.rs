//! How much arithmetic an evaluation of the UNet is, from the shapes of its weights.

use crate::config::UNetConfig;
use crate::tokenizer::CONTEXT_LENGTH;
use crate::weights::manifest::unet_manifest;

/// Multiply-adds of one evaluation of latents of `height` by `width` by the UNet that `config` describes: of its layers and of
/// attention. Norms and activations are not counted.
pub(super) fn multiply_adds(config: &UNetConfig, height: usize, width: usize) -> u64 {
    let last = config.block_out_channels.len() - 1;
    let area = |level: usize| height.div_ceil(1 << level) * width.div_ceil(1 << level);
    let number = |text: &str| text.parse::<usize>().unwrap_or_default();
    let mut total = 0;
    for (name, shape) in unet_manifest(config) {
        let parts: Vec<_> = name.split('.').collect();
        // Places of the image that the tensor's block sees; none for what is computed once.
        let places = match parts.as_slice() {
            ["conv_in" | "conv_out", ..] => area(0),
            ["down_blocks", level, "downsamplers", ..] => area(number(level) + 1),
            ["down_blocks", level, ..] => area(number(level)),
            ["mid_block", ..] => area(last),
            ["up_blocks", index, "upsamplers", ..] => area((last - number(index)).saturating_sub(1)),
            ["up_blocks", index, ..] => area(last - number(index)),
            _ => 1,
        };
        let times = match parts.as_slice() {
            _ if shape.len() < 2 => 0,
            [.., "time_emb_proj", _] => 1,
            [.., "attn2", "to_k" | "to_v", _] => CONTEXT_LENGTH,
            _ => places,
        };
        total += (shape.iter().product::<usize>() * times) as u64;
        // Every place looks at every other, or at every token: once to compare, once to add up.
        let seen = match parts.as_slice() {
            [.., "attn1", "to_q", "weight"] => places,
            [.., "attn2", "to_q", "weight"] => CONTEXT_LENGTH,
            _ => 0,
        };
        total += (2 * places * seen * shape[0]) as u64;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_size_evaluation_is_as_much_as_it_is_known_to_be() {
        // 3.38·10¹² multiply-adds at 1024×1024, as counted in the reference implementation.
        let counted = multiply_adds(&UNetConfig::sdxl_base(), 128, 128) as f64;
        assert!((counted / 3.38e12 - 1.0).abs() < 0.01, "{counted:e}");
        let smaller = multiply_adds(&UNetConfig::sdxl_base(), 64, 64) as f64;
        assert!((3.5..6.0).contains(&(counted / smaller)), "attention grows faster than the image: {smaller:e}");
    }
}
