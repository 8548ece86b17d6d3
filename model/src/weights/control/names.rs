//! What ControlNets' tensors are called in the layouts that they are published in.

use super::layout::Layout;
use crate::config::ControlNetConfig;
use crate::network::steering::SteeringConfig;
use crate::weights::component_tensors::Wanted;
use crate::weights::{Transform, unet_name};

/// The tensor that diffusers calls `name`, under the names that `layout` has for it.
pub(super) fn wanted(name: String, shape: Vec<usize>, config: &SteeringConfig, layout: Layout) -> Wanted {
    let (stored, transform) = match name.rsplit_once(".v_proj.") {
        // Queries, keys and values of the union's transformer are stored as one.
        Some((attention, end)) => (format!("{attention}.in_proj_{end}"), Transform::Third(2)),
        None => (name.clone(), Transform::Same),
    };
    let stored = match (layout, config) {
        (Layout::Original(prefix), SteeringConfig::ControlNet(config)) => {
            format!("{prefix}{}", original_name(&stored, config))
        }
        (Layout::Diffusers(prefix) | Layout::Original(prefix), _) => format!("{prefix}{stored}"),
    };
    let mut candidates = vec![(stored.clone(), transform)];
    if name.ends_with("proj_in.weight") || name.ends_with("proj_out.weight") {
        candidates.push((stored, Transform::Pointwise));
    }
    Wanted { name, shape, candidates }
}

/// The name in the original layout of the tensor that diffusers calls `name`.
pub(super) fn original_name(name: &str, config: &ControlNetConfig) -> String {
    let parts: Vec<_> = name.split('.').collect();
    let number = |text: &str| text.parse::<usize>().unwrap_or_default();
    // A SiLU stands between every two of these layers.
    match parts.as_slice() {
        ["controlnet_cond_embedding", "conv_in", end] => format!("input_hint_block.0.{end}"),
        ["controlnet_cond_embedding", "blocks", index, end] => {
            format!("input_hint_block.{}.{end}", 2 * (number(index) + 1))
        }
        ["controlnet_cond_embedding", "conv_out", end] => {
            let last = 2 * (2 * (config.conditioning_embedding_out_channels.len() - 1) + 1);
            format!("input_hint_block.{last}.{end}")
        }
        ["controlnet_down_blocks", index, end] => format!("zero_convs.{index}.0.{end}"),
        ["controlnet_mid_block", end] => format!("middle_block_out.0.{end}"),
        _ => unet_name(name, &config.unet),
    }
}

/// Whether a tensor that nothing asked for is one that a ControlNet would compute with.
pub(super) fn is_of_a_control_net(name: &str, layout: Layout) -> bool {
    let (Layout::Diffusers(prefix) | Layout::Original(prefix)) = layout;
    name.starts_with(prefix) && !name.ends_with("num_batches_tracked")
}
