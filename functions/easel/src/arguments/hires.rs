//! The second pass at a larger size, and drawing in tiles.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use easel_model::{DeviceChoice, Upscaler, UpscalerFile};
use easel_settings::{LANCZOS_UPSCALER, LATENT_UPSCALER, MAX_OFFERED_NAME, Settings, shortened};

use crate::command_error::CommandError;

/// The second pass at a larger size, and drawing in tiles.
#[derive(Debug, Clone, Args)]
pub(crate) struct HiresArguments {
    /// A second pass at a larger size: by how much the sides grow, how much may change, and in how many steps, such as
    /// 1.5:0.5:20; short for --hires-scale, --hires-strength and --hires-steps
    #[arg(long, value_name = "SCALE[:STRENGTH[:STEPS]]", conflicts_with_all = ["hires_scale", "hires_strength", "hires_steps"])]
    hires: Option<Hires>,
    /// What enlarges the image before the second pass: latent, lanczos, or a .safetensors or .pth file of the ESRGAN family
    /// [default: latent]
    #[arg(id = "hires_upscaler_file", long = "hires-upscaler", value_name = "FILE")]
    upscaler: Option<PathBuf>,
    /// Draw in tiles of the model's own size, for images larger than it draws well, up to 4096 a side; short for --tile-size
    #[arg(long, conflicts_with = "tile_size")]
    tile: bool,
}

/// What `--hires` says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hires {
    scale: f64,
    strength: Option<f64>,
    steps: Option<u32>,
}

impl FromStr for Hires {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let wrong = |part: &str| format!("`{part}` is no number; write SCALE, SCALE:STRENGTH or SCALE:STRENGTH:STEPS");
        let number = |part: Option<&str>| part.map(|part| part.parse().map_err(|_| wrong(part))).transpose();
        let scale = number(parts.next())?.unwrap_or_default();
        let strength = number(parts.next())?;
        let steps = parts.next().map(|part| part.parse().map_err(|_| wrong(part))).transpose()?;
        match parts.next() {
            Some(part) => Err(wrong(part)),
            None => Ok(Self { scale, strength, steps }),
        }
    }
}

impl HiresArguments {
    /// Fills in what the short forms say and checks all together; `native` is the side of the images that the model draws.
    ///
    /// # Errors
    /// A value that is out of its bounds, or that means nothing.
    pub(crate) fn fill(&self, settings: &mut Settings, native: u32) -> Result<(), CommandError> {
        if let Some(hires) = self.hires {
            settings.hires_scale = Some(hires.scale);
            settings.hires_strength = hires.strength;
            settings.hires_steps = hires.steps;
        }
        if self.tile {
            settings.tile_size = Some(native);
        }
        if settings.hires_scale.is_none() {
            let useless = [
                ("--hires-strength", settings.hires_strength.is_some()),
                ("--hires-steps", settings.hires_steps.is_some()),
                ("--hires-upscaler", self.upscaler.is_some()),
            ];
            if let Some((option, _)) = useless.iter().find(|(_, is_given)| *is_given) {
                return Err(CommandError::wrong_use(format!("{option}: there is no second pass: give --hires SCALE")));
            }
        }
        if settings.tile_size.is_none() && settings.tile_overlap.is_some() {
            return Err(CommandError::wrong_use("--tile-overlap: there are no tiles: give --tile or --tile-size"));
        }
        let said =
            |error: &easel_settings::FieldError| format!("--{}: {}", error.field.replace('_', "-"), error.message);
        settings
            .validate()
            .map_err(|errors| CommandError::wrong_use(errors.iter().map(said).collect::<Vec<_>>().join("; ")))
    }

    /// Opens the network that enlarges the image before the second pass, if one does, and names it in the settings.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn open(&self, settings: &mut Settings) -> Result<Option<UpscalerFile>, CommandError> {
        let Some(path) = &self.upscaler else { return Ok(None) };
        if let Some(name) = [LATENT_UPSCALER, LANCZOS_UPSCALER].into_iter().find(|name| path == Path::new(name)) {
            settings.hires_upscaler = Some(name.to_owned());
            return Ok(None);
        }
        if !path.exists() {
            return Err(CommandError::failed(format!(
                "--hires-upscaler: {} does not exist; give a .safetensors or .pth file, {LATENT_UPSCALER} or {LANCZOS_UPSCALER}",
                path.display()
            )));
        }
        let file = UpscalerFile::open(path)?;
        let mut name = file.name();
        if [LATENT_UPSCALER, LANCZOS_UPSCALER].contains(&name.as_str()) {
            // The words mean something else.
            name = format!("{name} (file)");
        }
        settings.hires_upscaler = Some(shortened(&name, MAX_OFFERED_NAME).into_owned());
        Ok(Some(file))
    }
}

/// Brings a network's weights to the device.
///
/// # Errors
/// A weight that is no number, or a failure of the device.
pub(crate) fn load(file: Option<UpscalerFile>, device: &DeviceChoice) -> Result<Option<Arc<Upscaler>>, CommandError> {
    Ok(file.map(|file| Upscaler::load(file, device)).transpose()?.map(Arc::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_has_up_to_three_numbers() {
        let hires = |scale, strength, steps| Ok(Hires { scale, strength, steps });
        assert_eq!("2".parse(), hires(2.0, None, None));
        assert_eq!("1.5:0.4".parse(), hires(1.5, Some(0.4), None));
        assert_eq!("1.5:0.4:12".parse(), hires(1.5, Some(0.4), Some(12)));
        for wrong in ["", "a", "2:", "2:0.5:1.5", "2:0.5:3:4"] {
            let error = wrong.parse::<Hires>().expect_err("wrong");
            assert!(error.contains("SCALE:STRENGTH:STEPS"), "{error}");
        }
    }

    #[test]
    fn what_means_nothing_or_is_too_large_is_refused() {
        let arguments = |hires: &str, tile| HiresArguments {
            hires: (!hires.is_empty()).then(|| hires.parse().expect("numbers")),
            upscaler: None,
            tile,
        };
        let filled = |arguments: &HiresArguments, mut settings: Settings| {
            arguments.fill(&mut settings, 1024).map(|()| settings).map_err(|error| error.to_string())
        };
        let large = Settings { width: Some(2048), ..Settings::new("a heart") };
        let settings = filled(&arguments("2:0.5", true), large.clone()).expect("it is allowed in tiles");
        assert_eq!(
            (settings.tile_size, settings.hires_scale, settings.hires_strength),
            (Some(1024), Some(2.0), Some(0.5))
        );
        let error = filled(&arguments("2", false), large.clone()).expect_err("too large");
        assert!(error.starts_with("--hires-scale: 2 makes the width 4096"), "{error}");
        let error = filled(&arguments("9", true), large.clone()).expect_err("out of bounds");
        assert!(error.contains("--hires-scale: 9"), "{error}");
        let without = Settings { hires_steps: Some(5), ..large };
        assert!(filled(&arguments("", false), without).expect_err("useless").contains("give --hires SCALE"));
    }
}
