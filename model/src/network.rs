//! SDXL's networks: text encoders, UNet and VAE, those that enlarge images, and the layers that they are made of.

pub(crate) mod control_net;
mod encoder_layer;
pub(crate) mod image_encoder;
pub(crate) mod image_projection;
pub(crate) mod layers;
pub(crate) mod parameters;
mod resnet;
mod row_tiling;
pub(crate) mod steering;
mod t2i_adapter;
pub(crate) mod text_encoder;
pub(crate) mod unet;
pub(crate) mod upscaler;
pub(crate) mod vae;
