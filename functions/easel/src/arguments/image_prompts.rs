//! Which images the model is prompted with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use easel_images::ImagePromptRecord;
use easel_model::{ImageEncoderFiles, ImagePrompt, IpAdapter};

use crate::command_error::CommandError;

/// Which images the model is prompted with.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImagePromptArguments {
    /// An IP-Adapter for SDXL, plain, plus or plus-face: the .safetensors file that lets the model be prompted with images
    #[arg(long = "ip-adapter", value_name = "FILE", requires = "image_encoder", requires = "images")]
    ip_adapter: Option<PathBuf>,
    /// The CLIP image encoder that the IP-Adapter was trained with: a folder with config.json, or a .safetensors file
    #[arg(long = "image-encoder", value_name = "PATH", requires = "ip_adapter")]
    image_encoder: Option<PathBuf>,
    /// An image to follow; give it again for several
    #[arg(id = "images", long = "image-prompt", value_name = "FILE", requires = "ip_adapter")]
    images: Vec<PathBuf>,
    /// How strongly the images are followed, and from which to which share of the steps [default: 1:0:1]
    #[arg(
        id = "image_prompt_scale",
        long = "image-prompt-scale",
        value_name = "S[:START:END]",
        requires = "ip_adapter"
    )]
    #[arg(allow_hyphen_values = true)]
    scale: Option<String>,
}

impl ImagePromptArguments {
    /// Opens the adapter, its encoder and the images, and what is recorded of them.
    ///
    /// # Errors
    /// What is wrong with which argument or file.
    pub(crate) fn open(&self) -> Result<Option<(ImagePrompt, ImagePromptRecord)>, CommandError> {
        let (Some(adapter), Some(encoder)) = (&self.ip_adapter, &self.image_encoder) else { return Ok(None) };
        for (option, path) in [("--ip-adapter", adapter), ("--image-encoder", encoder)] {
            if !path.exists() {
                return Err(CommandError::failed(format!("{option}: {} does not exist", path.display())));
            }
        }
        let (scale, start, end) = self.scale()?;
        let adapter = Arc::new(IpAdapter::open(adapter)?);
        let encoder = Arc::new(ImageEncoderFiles::open(encoder)?);
        let images = self.images.iter().map(|file| easel_images::load(file)).collect::<Result<Vec<_>, _>>()?;
        let name =
            |file: &PathBuf| file.file_name().unwrap_or(Path::new("").as_os_str()).to_string_lossy().into_owned();
        let record = ImagePromptRecord {
            name: adapter.name(),
            digest: adapter.digest(),
            encoder: encoder.digest(),
            images: self.images.iter().map(name).collect(),
            scale,
            start,
            end,
        };
        Ok(Some((ImagePrompt { adapter, encoder, images, scale, start, end }, record)))
    }

    fn scale(&self) -> Result<(f64, f64, f64), CommandError> {
        let Some(text) = &self.scale else { return Ok((1.0, 0.0, 1.0)) };
        let numbers: Result<Vec<f64>, _> = text.split(':').map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[scale]) => Ok((scale, 0.0, 1.0)),
            Ok(&[scale, start, end]) => Ok((scale, start, end)),
            _ => {
                let message = format!(
                    "--image-prompt-scale: `{text}` is no scale: write 0.6, or 0.6:0:0.8 for a part of the steps"
                );
                Err(CommandError::wrong_use(message))
            }
        }
    }
}
