//! What of an init image is repainted.

use std::path::{Path, PathBuf};

use clap::Args;
use easel_images::{load_mask, load_with_transparency};
use easel_model::{Extension, Mask};
use easel_settings::Settings;
use image::RgbImage;
use serde_json::{Map, Value};

use crate::command_error::CommandError;

/// The name of a mask that the init image's transparency is.
pub(crate) const TRANSPARENCY: &str = "transparency";

/// What of an init image is repainted.
#[derive(Debug, Clone, Args)]
pub(crate) struct InpaintingArguments {
    /// What of the init image is repainted: an image of the same size, white there [default: where the init image is
    /// transparent]
    #[arg(long, value_name = "FILE", requires = "init_image")]
    mask: Option<PathBuf>,
    /// By how many pixels the init image is continued, such as left=256,top=128
    #[arg(long, value_name = "SIDE=PIXELS,...", requires = "init_image")]
    extend: Option<Extension>,
}

/// An image to start from.
#[derive(Default)]
pub(crate) struct Init {
    pub(crate) image: Option<RgbImage>,
    pub(crate) mask: Option<Mask>,
    /// Where the mask is from, for the record.
    pub(crate) mask_name: Option<String>,
    /// How far the image was extended, for the record.
    pub(crate) extend: Option<String>,
}

impl InpaintingArguments {
    /// Reads the image to start from and its mask. `given` are the settings of the command line; a strength that is left open
    /// is filled in `settings`.
    ///
    /// # Errors
    /// A file that cannot be read, a mask that does not fit, or settings of a mask where there is none.
    pub(crate) fn read(
        &self,
        init: Option<&Path>,
        given: &Map<String, Value>,
        settings: &mut Settings,
    ) -> Result<Init, CommandError> {
        let (mut image, holes) = init.map(load_with_transparency).transpose()?.unzip();
        let of_file = self.mask.as_deref().map(load_mask).transpose()?;
        let mask_name = match (&self.mask, &holes) {
            (Some(path), _) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            (None, Some(Some(_))) => Some(TRANSPARENCY.to_owned()),
            (None, _) => None,
        };
        let mut mask = of_file.or(holes.flatten()).map(|image| Mask { image });
        if let (Some(image), Some(mask)) = (&image, &mask) {
            mask.check(image.dimensions(), &settings.clone().resolve())?;
        }
        if let (Some(image), Some(extension)) = (&mut image, self.extend) {
            let (larger, new) = extension.apply(image, mask.as_ref(), settings.mask_invert == Some(true))?;
            *image = larger;
            mask = Some(new);
        }
        if mask.is_some() {
            settings.strength.get_or_insert(Mask::DEFAULT_STRENGTH);
        } else if let Some(name) = given.keys().find(|name| name.starts_with("mask_")) {
            return Err(CommandError::wrong_use(format!(
                "--{}: there is no mask: give --mask FILE or --extend, or an init image that is transparent in places",
                name.replace('_', "-")
            )));
        }
        Ok(Init { image, mask, mask_name, extend: self.extend.map(|extension| extension.to_string()) })
    }
}
