//! ControlNets and image prompts of random numbers in the shapes of a model.

use std::sync::Arc;

use crate::config::ControlNetConfig;
use crate::error::Result;
use crate::generation::Model;
use crate::network::control_net::ControlNet;
use crate::network::parameters::Parameters;
use crate::network::unet::{ImageContext, ImageKeys, transformer_blocks};
use crate::noise::NoiseGenerator;
use crate::ops::tensor;
use crate::stage::Stage;
use crate::weights::RandomWeights;

/// Tokens of an image prompt.
const TOKENS: usize = 16;

/// A ControlNet that is as large as the base's way down and middle.
pub(super) fn control_net(model: &Model) -> Result<ControlNet> {
    let config = ControlNetConfig {
        unet: model.unet_config(Stage::Base).clone(),
        conditioning_channels: 3,
        conditioning_embedding_out_channels: vec![16, 32, 96, 256],
        union: None,
    };
    let (choice, random) = (model.device(), RandomWeights::new(0));
    ControlNet::load(&Parameters::new(&random, choice.device(), choice.weights()), &config, choice.compute())
}

/// An image prompt for the base.
pub(super) fn image_context(model: &Model) -> ImageContext {
    let choice = model.device();
    let random = |width: usize| {
        let numbers = NoiseGenerator::new(1).normal(TOKENS * width);
        tensor(numbers, [1, TOKENS, width], choice.device()).cast(choice.compute())
    };
    let blocks = transformer_blocks(model.unet_config(Stage::Base)).into_iter();
    let keys = blocks.map(|(name, width)| (name, (random(width), random(width)))).collect();
    ImageContext { keys: Arc::new(ImageKeys(keys)), scale: 0.5, rows: (0, 1) }
}
