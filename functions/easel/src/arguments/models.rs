//! Which model generates.

use std::path::PathBuf;

use clap::Args;
use easel_model::scheduler::PredictionChoice;
use easel_system::environment;

/// Which model generates.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArguments {
    /// A diffusers folder or a .safetensors checkpoint; or hf://owner/name or s3://bucket/prefix, which are fetched once
    /// [default: the demo model, which is part of this program]
    #[arg(long, value_name = "PATH", env = environment::MODEL, hide_env_values = true)]
    pub(crate) model: Option<PathBuf>,
    /// A refiner that finishes what the model began [default: the demo model's own, else none]
    #[arg(long, value_name = "PATH", env = environment::REFINER, hide_env_values = true)]
    pub(crate) refiner: Option<PathBuf>,
    /// A VAE in place of the model's own, or of one that it lacks: a folder or a .safetensors file, such as
    /// madebyollin/sdxl-vae-fp16-fix [default: the model's own]
    #[arg(long, value_name = "PATH", env = environment::VAE, hide_env_values = true)]
    pub(crate) vae: Option<PathBuf>,
    /// A tiny VAE that decodes in place of the model's own: in a twentieth of the time, with less detail. A folder
    /// (diffusers' AutoencoderTiny, such as madebyollin/taesdxl) or a .safetensors file; --vae takes one, too [default:
    /// none]
    #[arg(long, value_name = "PATH", env = environment::TINY_VAE, hide_env_values = true)]
    pub(crate) tiny_vae: Option<PathBuf>,
    /// What the model predicts, where its files do not say so: epsilon, v_prediction, v_prediction_zsnr (trained down to no
    /// signal) or sample [default: what the files say]
    #[arg(long = "prediction-type", value_name = "TYPE", env = environment::PREDICTION_TYPE, hide_env_values = true)]
    pub(crate) prediction: Option<PredictionChoice>,
}
