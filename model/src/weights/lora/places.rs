//! What the modules of a model are called in LoRA files.

use std::collections::{BTreeSet, HashMap};

use crate::config::ModelConfigs;
use crate::weights::manifest::manifest;
use crate::weights::{Component, unet_name};

/// The modules of a model that a LoRA can change, by every name that files have for them.
#[derive(Debug)]
pub(crate) struct Places {
    modules: HashMap<String, Place>,
    /// By component and name of the tensor.
    shapes: HashMap<(Component, String), Vec<usize>>,
}

/// A module of a model.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) component: Component,
    /// diffusers' name.
    pub(super) module: String,
    /// Where in the UNet it is.
    pub(super) unet: UNetPlace,
}

/// Where in the UNet a module is, by the blocks of the original layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UNetPlace {
    Input(usize),
    Middle,
    Output(usize),
    /// In no block: the embeddings of time and sizes, and the end.
    Outside,
}

impl Places {
    /// Of the model that `configs` describe.
    pub(crate) fn new(configs: &ModelConfigs) -> Self {
        let mut places = Self { modules: HashMap::new(), shapes: HashMap::new() };
        for component in [Component::TextEncoder, Component::TextEncoder2, Component::UNet] {
            let mut modules = BTreeSet::new();
            for (name, shape) in manifest(component, configs) {
                let module = name.strip_suffix(".weight").or_else(|| name.strip_suffix(".bias")).unwrap_or(&name);
                modules.insert(module.to_owned());
                places.shapes.insert((component, name), shape);
            }
            for module in modules {
                let (names, unet) = match component {
                    Component::UNet => {
                        let original = unet_name(&format!("{module}.weight"), &configs.unet);
                        let original = original.trim_end_matches(".weight");
                        (unet_names(&module, original), UNetPlace::of(original))
                    }
                    Component::TextEncoder => (text_names(&module, "lora_te1_", "text_encoder."), UNetPlace::Outside),
                    _ => (text_names(&module, "lora_te2_", "text_encoder_2."), UNetPlace::Outside),
                };
                let place = Place { component, module, unet };
                places.modules.extend(names.into_iter().map(|name| (name, place.clone())));
            }
        }
        places
    }

    /// The module that files call `name`.
    pub(super) fn find(&self, name: &str) -> Option<&Place> {
        self.modules.get(name)
    }

    /// The shape of the tensor `name` of `component`, if it has such a tensor.
    pub(super) fn shape(&self, component: Component, name: &str) -> Option<&[usize]> {
        self.shapes.get(&(component, name.to_owned())).map(Vec::as_slice)
    }
}

/// What files call the UNet's `module`, which is `original` in the original layout: kohya's names in either layout, those of
/// LyCORIS, diffusers' and ComfyUI's.
fn unet_names(module: &str, original: &str) -> Vec<String> {
    let (flat, flat_original) = (module.replace('.', "_"), original.replace('.', "_"));
    vec![
        format!("lora_unet_{flat_original}"),
        format!("lora_unet_{flat}"),
        format!("lycoris_unet_{flat}"),
        format!("lycoris_{flat}"),
        format!("unet.{module}"),
        module.to_owned(),
        format!("diffusion_model.{original}"),
        format!("model.diffusion_model.{original}"),
    ]
}

/// What files call a text encoder's `module`, by the prefixes of kohya's and of diffusers' names.
fn text_names(module: &str, flat: &str, dotted: &str) -> Vec<String> {
    let mut names = vec![format!("{flat}{}", module.replace('.', "_")), format!("{dotted}{module}")];
    if let Some(short) = module.strip_prefix("text_model.") {
        names.extend([format!("{flat}{}", short.replace('.', "_")), format!("{dotted}{short}")]);
    }
    names
}

impl UNetPlace {
    /// Of the module that is `original` in the original layout.
    fn of(original: &str) -> Self {
        let mut parts = original.split('.');
        let kind = parts.next();
        let index = || original.split('.').nth(1).and_then(|index| index.parse().ok());
        match kind {
            Some("input_blocks") => index().map_or(Self::Outside, Self::Input),
            Some("middle_block") => Self::Middle,
            Some("output_blocks") => index().map_or(Self::Outside, Self::Output),
            _ => Self::Outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_every_name() {
        let places = Places::new(&ModelConfigs::sdxl_base());
        let find = |name: &str| {
            let place = places.find(name).unwrap_or_else(|| panic!("{name} has a place"));
            (place.component, place.module.as_str(), place.unet)
        };
        let attention = "down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_out.0";
        for name in [
            "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_out_0",
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_1_attn2_to_out_0",
            "unet.down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_out.0",
            "diffusion_model.input_blocks.4.1.transformer_blocks.1.attn2.to_out.0",
            attention,
        ] {
            assert_eq!(find(name), (Component::UNet, attention, UNetPlace::Input(4)));
        }
        for (name, module, place) in [
            ("lora_unet_output_blocks_2_2_conv", "up_blocks.0.upsamplers.0.conv", UNetPlace::Output(2)),
            ("lora_unet_input_blocks_3_0_op", "down_blocks.0.downsamplers.0.conv", UNetPlace::Input(3)),
            ("lora_unet_label_emb_0_0", "add_embedding.linear_1", UNetPlace::Outside),
            ("lora_unet_middle_block_1_proj_in", "mid_block.attentions.0.proj_in", UNetPlace::Middle),
            ("lora_unet_out_2", "conv_out", UNetPlace::Outside),
        ] {
            assert_eq!(find(name), (Component::UNet, module, place));
        }
        let layer = "text_model.encoder.layers.3.self_attn.q_proj";
        for (name, component) in [
            ("lora_te1_text_model_encoder_layers_3_self_attn_q_proj", Component::TextEncoder),
            ("lora_te2_text_model_encoder_layers_3_self_attn_q_proj", Component::TextEncoder2),
            ("text_encoder.text_model.encoder.layers.3.self_attn.q_proj", Component::TextEncoder),
            ("text_encoder_2.encoder.layers.3.self_attn.q_proj", Component::TextEncoder2),
        ] {
            assert_eq!(find(name), (component, layer, UNetPlace::Outside));
        }
        assert_eq!(find("lora_te2_text_projection").1, "text_projection");
        assert!(places.find("lora_te_text_model_encoder_layers_3_self_attn_q_proj").is_none());
        assert_eq!(places.shape(Component::UNet, "conv_in.weight"), Some(&[320, 4, 3, 3][..]));
    }
}
