//! What enlarges images: a network's file, or resampling.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use easel_images::UpscaleRecord;
use easel_model::{DeviceChoice, Enlargement, Upscaler, UpscalerFile, enlarged_size};
use image::RgbImage;

use crate::command_error::CommandError;
use crate::progress::ProgressDisplay;

/// The word for resampling.
const LANCZOS: &str = "lanczos";

/// What enlarges images, with its file open and known, but its weights not on a device yet.
#[derive(Debug)]
pub(crate) enum RequestedEnlargement {
    /// By resampling.
    Lanczos,
    /// By a network.
    Network(Box<UpscalerFile>),
}

impl RequestedEnlargement {
    /// What `name`, a file or the word `lanczos`, stands for.
    ///
    /// # Errors
    /// What is wrong with the file, or that there is none.
    pub(crate) fn open(option: &str, name: &Path) -> Result<Self, CommandError> {
        if name.as_os_str() == LANCZOS {
            return Ok(Self::Lanczos);
        }
        if !name.exists() {
            let message =
                format!("{option}: {} does not exist; give a .safetensors or .pth file, or {LANCZOS}", name.display());
            return Err(CommandError::failed(message));
        }
        Ok(Self::Network(Box::new(UpscalerFile::open(name)?)))
    }

    /// What it is called in records.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Lanczos => Enlargement::Lanczos.name().to_owned(),
            Self::Network(file) => file.name(),
        }
    }

    /// The SHA-256 of the network's file.
    pub(crate) fn digest(&self) -> Option<String> {
        match self {
            Self::Lanczos => None,
            Self::Network(file) => Some(file.digest().to_owned()),
        }
    }

    /// The factor where none is asked for.
    pub(crate) fn factor(&self) -> f64 {
        match self {
            Self::Lanczos => Enlargement::Lanczos.factor(),
            Self::Network(file) => file.shape().scale() as f64,
        }
    }

    /// Brings the network's weights to the device.
    ///
    /// # Errors
    /// A weight that is no number, or a failure of the device.
    pub(crate) fn load(self, device: &DeviceChoice) -> Result<Enlargement, CommandError> {
        Ok(match self {
            Self::Lanczos => Enlargement::Lanczos,
            Self::Network(file) => Enlargement::Network(Arc::new(Upscaler::load(*file, device)?)),
        })
    }
}

/// How finished images are enlarged.
pub(crate) struct FinalEnlargement<T = Enlargement> {
    enlargement: T,
    /// How it is recorded, and by how much.
    pub(crate) record: UpscaleRecord,
}

impl FinalEnlargement<RequestedEnlargement> {
    /// What `argument`, a file or `lanczos` with a factor behind it or not, asks for.
    ///
    /// # Errors
    /// What is wrong with the file or the factor.
    pub(crate) fn open(option: &str, argument: &OsStr) -> Result<Self, CommandError> {
        let (file, factor) = split(option, argument)?;
        let enlargement = RequestedEnlargement::open(option, &file)?;
        let by = factor.unwrap_or_else(|| enlargement.factor());
        let record = UpscaleRecord { by, upscaler: enlargement.name(), digest: enlargement.digest() };
        Ok(Self { enlargement, record })
    }

    /// Finds out now, rather than after the image was drawn, that one of `size` would become too large.
    ///
    /// # Errors
    /// As the model says it, by the name of the option.
    pub(crate) fn check(&self, option: &str, size: (u32, u32)) -> Result<(), CommandError> {
        // A network makes it as large as its own factor says, whatever is asked for.
        [self.record.by, self.enlargement.factor().max(1.0)].into_iter().try_for_each(|by| refused(option, size, by))
    }

    /// Brings the network's weights to the device.
    ///
    /// # Errors
    /// A weight that is no number, or a failure of the device.
    pub(crate) fn load(self, device: &DeviceChoice) -> Result<FinalEnlargement, CommandError> {
        Ok(FinalEnlargement { enlargement: self.enlargement.load(device)?, record: self.record })
    }
}

impl FinalEnlargement {
    /// Enlarges `images`, showing how far it is.
    ///
    /// # Errors
    /// An image that becomes too large, or a failure of the device.
    pub(crate) fn enlarge(&self, images: Vec<RgbImage>) -> Result<Vec<RgbImage>, CommandError> {
        let progress = ProgressDisplay::new();
        progress.begin("enlarging the image");
        let one = |image: RgbImage| {
            let target = enlarged_size(image.dimensions(), self.record.by)?;
            self.enlargement.enlarge(&image, target, &mut |done, total| {
                progress.tile(done, total);
                Ok(())
            })
        };
        Ok(images.into_iter().map(one).collect::<easel_model::Result<_>>()?)
    }
}

/// The file and the factor that `argument` names. Names of files may have colons too.
///
/// # Errors
/// The factor is out of bounds.
pub(crate) fn split(option: &str, argument: &OsStr) -> Result<(PathBuf, Option<f64>), CommandError> {
    let whole = PathBuf::from(argument);
    let Some(text) = argument.to_str().filter(|_| !whole.exists()) else { return Ok((whole, None)) };
    match text.rsplit_once(':').map(|(path, factor)| (path, factor.parse::<f64>())) {
        Some((path, Ok(factor))) => {
            check_factor(option, factor)?;
            Ok((path.into(), Some(factor)))
        }
        _ => Ok((whole, None)),
    }
}

/// Refuses a factor that is out of bounds.
///
/// # Errors
/// As the model says it, by the name of the option.
pub(crate) fn check_factor(option: &str, factor: f64) -> Result<(), CommandError> {
    refused(option, (1, 1), factor)
}

fn refused(option: &str, size: (u32, u32), factor: f64) -> Result<(), CommandError> {
    match enlarged_size(size, factor) {
        Err(easel_model::Error::InvalidRequest { message, .. }) => {
            Err(CommandError::wrong_use(format!("{option}: {message}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_follows_the_last_colon() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a:2");
        std::fs::write(&path, "x").expect("written");
        let path = path.to_str().expect("it is text");
        let read = |argument: &str| split("--upscale", OsStr::new(argument));
        for (argument, file, factor) in [
            (path.to_owned(), path, None),
            (format!("{path}:2.5"), path, Some(2.5)),
            ("lanczos".to_owned(), "lanczos", None),
            ("lanczos:3".to_owned(), "lanczos", Some(3.0)),
            ("C:\\x.pth".to_owned(), "C:\\x.pth", None),
        ] {
            assert_eq!(read(&argument).expect("it is understood"), (file.into(), factor), "{argument}");
        }
        for wrong in ["lanczos:0.5", "lanczos:9", "x.pth:NaN"] {
            let error = read(wrong).expect_err("out of bounds").to_string();
            assert!(error.starts_with("--upscale: ") && error.contains("use 1 to 8"), "{error}");
        }
    }
}
