//! What the name of a tensor in a LoRA file says: which module of the model it changes, and which part of the change it
//! is.

/// A part of the change of one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// What the change is scaled by, times its rank.
    Alpha,
    /// DoRA's lengths of the merged weight's rows or columns.
    Lengths,
    /// LoRA's first matrix, `[rank, inputs…]`.
    Down,
    /// LoRA's second matrix, `[outputs, rank]`.
    Up,
    /// LoCon's core, `[rank, rank, height, width]`.
    Middle,
    /// LoHa's matrices `hada_w1_a` … `hada_w2_b`.
    HadamardFirstLeft,
    HadamardFirstRight,
    HadamardSecondLeft,
    HadamardSecondRight,
    /// LoHa's cores `hada_t1` and `hada_t2`.
    HadamardFirstCore,
    HadamardSecondCore,
    /// LoKr's left side `lokr_w1`, or the two matrices that make it.
    KroneckerLeft,
    KroneckerLeftLeft,
    KroneckerLeftRight,
    /// LoKr's right side `lokr_w2`, or the matrices that make it, with or without a core.
    KroneckerRight,
    KroneckerRightLeft,
    KroneckerRightRight,
    KroneckerRightCore,
    /// The change itself, of a weight and of a bias.
    Difference,
    BiasDifference,
}

/// How the names end, and what these endings mean.
const ENDINGS: [(&str, Part); 30] = [
    (".lora_down.weight", Part::Down),
    (".lora_up.weight", Part::Up),
    (".lora_mid.weight", Part::Middle),
    (".lora.down.weight", Part::Down),
    (".lora.up.weight", Part::Up),
    (".lora_linear_layer.down.weight", Part::Down),
    (".lora_linear_layer.up.weight", Part::Up),
    // The attention processors of old diffusers: `to_q_lora.down.weight`.
    ("_lora.down.weight", Part::Down),
    ("_lora.up.weight", Part::Up),
    (".alpha", Part::Alpha),
    (".dora_scale", Part::Lengths),
    (".hada_w1_a", Part::HadamardFirstLeft),
    (".hada_w1_b", Part::HadamardFirstRight),
    (".hada_w2_a", Part::HadamardSecondLeft),
    (".hada_w2_b", Part::HadamardSecondRight),
    (".hada_t1", Part::HadamardFirstCore),
    (".hada_t2", Part::HadamardSecondCore),
    (".lokr_w1", Part::KroneckerLeft),
    (".lokr_w1_a", Part::KroneckerLeftLeft),
    (".lokr_w1_b", Part::KroneckerLeftRight),
    (".lokr_w2", Part::KroneckerRight),
    (".lokr_w2_a", Part::KroneckerRightLeft),
    (".lokr_w2_b", Part::KroneckerRightRight),
    (".lokr_t2", Part::KroneckerRightCore),
    (".diff", Part::Difference),
    (".diff_b", Part::BiasDifference),
    (".w_norm", Part::Difference),
    (".b_norm", Part::BiasDifference),
    (".lora_magnitude_vector.weight", Part::Lengths),
    (".lora_magnitude_vector", Part::Lengths),
];

/// PEFT's names, between which and their end may stand the name of an adapter: `lora_A.default.weight`.
const PEFT: [(&str, Part); 3] =
    [(".lora_A", Part::Down), (".lora_B", Part::Up), (".lora_magnitude_vector", Part::Lengths)];

/// The module and the part that `name` stands for; none if it is of no kind that is read. The module is as the file
/// writes it, but for what old libraries put in between.
pub(super) fn parse(name: &str) -> Option<(String, Part)> {
    let peft = PEFT.iter().find_map(|(marker, part)| {
        let (module, rest) = name.rsplit_once(marker)?;
        let adapter = rest.strip_suffix(".weight").or((*part == Part::Lengths).then_some(rest))?;
        let is_name = adapter.is_empty() || adapter.starts_with('.') && !adapter[1..].contains('.');
        is_name.then_some((module, *part))
    });
    let ending = || ENDINGS.iter().find_map(|(ending, part)| Some((name.strip_suffix(ending)?, *part)));
    let (module, part) = peft.or_else(ending)?;
    let mut module = module.replace("base_model.model.", "").replace(".processor.", ".");
    if module.ends_with(".to_out") {
        // diffusers' output layer is the first of a list, which old files leave out.
        module += ".0";
    }
    (!module.is_empty()).then_some((module, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_understood() {
        let attention = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1";
        for (name, module, part) in [
            ("lora_unet_input_blocks_4_1_proj_in.lora_down.weight", "lora_unet_input_blocks_4_1_proj_in", Part::Down),
            (
                "lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha",
                "lora_te1_text_model_encoder_layers_0_mlp_fc1",
                Part::Alpha,
            ),
            (&format!("{attention}.processor.to_q_lora.down.weight"), &format!("{attention}.to_q"), Part::Down),
            (&format!("{attention}.processor.to_out_lora.up.weight"), &format!("{attention}.to_out.0"), Part::Up),
            (&format!("{attention}.to_out.0.lora.up.weight"), &format!("{attention}.to_out.0"), Part::Up),
            (&format!("{attention}.to_q.lora_A.weight"), &format!("{attention}.to_q"), Part::Down),
            (&format!("{attention}.to_q.lora_B.default_0.weight"), &format!("{attention}.to_q"), Part::Up),
            (
                &format!("base_model.model.{attention}.to_q.lora_magnitude_vector.default"),
                &format!("{attention}.to_q"),
                Part::Lengths,
            ),
            (&format!("{attention}.to_q.lora_magnitude_vector.weight"), &format!("{attention}.to_q"), Part::Lengths),
            (
                "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight",
                "text_encoder.text_model.encoder.layers.0.self_attn.q_proj",
                Part::Up,
            ),
            ("lora_unet_x.hada_w2_b", "lora_unet_x", Part::HadamardSecondRight),
            ("lora_unet_x.lokr_w2", "lora_unet_x", Part::KroneckerRight),
            ("lora_unet_x.lokr_t2", "lora_unet_x", Part::KroneckerRightCore),
            ("lora_unet_x.diff_b", "lora_unet_x", Part::BiasDifference),
        ] {
            assert_eq!(parse(name), Some((module.to_owned(), part)), "{name}");
        }
        for name in
            ["", ".alpha", "a", "a.weight", "a.lora_B.bias", "a.on_input", "a.oft_blocks", "a.lora_A.x.y.weight"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
