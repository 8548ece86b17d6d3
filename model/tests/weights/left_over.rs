//! Tensors that nothing is computed with.

use easel_model::weights::ModelFiles;

use super::support::{AnyTensor, demo, fails, image, single_file, write_any};

#[test]
fn what_is_known_to_be_left_over_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, metadata, tensors) = single_file(folder.path());
    let known = [
        "v_pred",
        "ztsnr",
        "alphas_cumprod",
        "betas",
        "global_step",
        "denoiser.sigmas",
        "model_ema.decay",
        "model_ema.diffusion_modeloutbias",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
        "conditioner.embedders.0.transformer.text_model.embeddings.position_ids",
        "conditioner.embedders.0.transformer.text_projection.weight",
        "conditioner.embedders.1.model.logit_scale",
        "first_stage_model.loss.discriminator.main.0.weight",
        "model.diffusion_model.scaled_fp8",
    ];
    let more = known.map(|name| -> AnyTensor { (name.to_owned(), "F16", vec![1], vec![0, 0x7e]) });
    write_any(&path, &metadata, &[&tensors[..], &more].concat());
    assert_eq!(image(&path), image(&demo("base")), "NaN in what is left over is no harm");
    for unknown in [
        "lora_unet_down_blocks_0.alpha",
        "v_predicted",
        "conditioner.embedders.2.weight",
        "conditioner.embedders.0.transformer.text_model.extra.weight",
        "first_stage_model.extra.weight",
        "model.diffusion_model.extra.weight",
    ] {
        let more: AnyTensor = (unknown.to_owned(), "F16", vec![1], vec![0, 0]);
        write_any(&path, &metadata, &[&tensors[..], &[more]].concat());
        fails(ModelFiles::open(&path), &["demo.safetensors", unknown, "known to be left over"]);
    }
}
