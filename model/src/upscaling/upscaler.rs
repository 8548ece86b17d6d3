//! A network that enlarges images, ready on a device.

use std::fmt;
use std::path::Path;

use image::RgbImage;
use image::imageops::crop_imm;

use super::tiles::Overlap;
use super::work::{UpscalerWork, tile_pixels};
use crate::config::UpscalerShape;
use crate::device::DeviceChoice;
use crate::device::panics::computing;
use crate::error::{Error, Result};
use crate::network::parameters::{ParameterSource, Parameters};
use crate::network::upscaler::UpscalerNetwork;
use crate::ops::{floats, release_buffers, tensor};
use crate::weights::{RandomWeights, TensorSource, UpscalerFile};

/// What is told while an image is enlarged: how many tiles are done, and how many there are.
type Told<'a> = &'a mut dyn FnMut(usize, usize) -> Result<()>;

/// A network that enlarges images by a whole factor, with its weights in memory on a device.
pub struct Upscaler {
    name: String,
    digest: String,
    shape: UpscalerShape,
    network: UpscalerNetwork,
    choice: DeviceChoice,
}

impl fmt::Debug for Upscaler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Upscaler({}, {:?}, {})", self.name, self.shape, self.digest)
    }
}

impl PartialEq for Upscaler {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.choice.precision == other.choice.precision
    }
}

impl Upscaler {
    /// Opens the `.safetensors` or `.pth` file at `path` and brings its weights to the device, in the device's precision;
    /// in bf16 where that is int8.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Weights`] as [`UpscalerFile::open`], or a failure of the device.
    pub fn open(path: &Path, choice: &DeviceChoice) -> Result<Self> {
        Self::load(UpscalerFile::open(path)?, choice)
    }

    /// Brings the weights of an open file to the device.
    ///
    /// # Errors
    /// [`Error::Weights`] if a number is not finite, or a failure of the device.
    pub fn load(file: UpscalerFile, choice: &DeviceChoice) -> Result<Self> {
        let (name, digest, shape) = (file.name(), file.digest().to_owned(), file.shape());
        let source: Box<dyn TensorSource> = Box::new(file);
        Self::build(name, digest, shape, &source, choice)
    }

    /// A network of `shape` with random weights, the same every time, for measurements.
    ///
    /// # Errors
    /// A failure of the device.
    pub fn random(shape: UpscalerShape, choice: &DeviceChoice) -> Result<Self> {
        Self::build("random".to_owned(), "random".to_owned(), shape, &RandomWeights::new(0), choice)
    }

    fn build(
        name: String,
        digest: String,
        shape: UpscalerShape,
        source: &dyn ParameterSource,
        choice: &DeviceChoice,
    ) -> Result<Self> {
        let parameters = Parameters::new(source, choice.device(), choice.weights());
        let network =
            computing("loading the upscaler", || UpscalerNetwork::load(&parameters, shape, choice.compute()))?;
        Ok(Self { name, digest, shape, network, choice: choice.clone() })
    }

    /// The file's name without its ending, by which people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of the file, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What network it is.
    #[must_use]
    pub fn shape(&self) -> UpscalerShape {
        self.shape
    }

    /// By how much each side grows.
    #[must_use]
    pub fn scale(&self) -> usize {
        self.shape.scale()
    }

    /// What enlarging an image of `width`×`height` takes.
    #[must_use]
    pub fn work(&self, size: (u32, u32)) -> UpscalerWork {
        UpscalerWork::of(self.shape, size, self.bytes())
    }

    /// Enlarges `image` by [`Self::scale`]: whole if it is small enough, else in tiles, so that memory does not grow with it
    /// beyond the images themselves. `told` hears of every tile and may stop the work by an error.
    ///
    /// # Errors
    /// What `told` says, or a failure of the device.
    pub fn upscale(&self, image: &RgbImage, told: Told<'_>) -> Result<RgbImage> {
        self.upscale_in_tiles(image, tile_pixels(self.shape, self.bytes()), told)
    }

    /// As [`Self::upscale`], in tiles of about `most` pixels.
    ///
    /// # Errors
    /// As [`Self::upscale`].
    pub fn upscale_in_tiles(&self, image: &RgbImage, most: usize, told: Told<'_>) -> Result<RgbImage> {
        let (width, height) = image.dimensions();
        let scale = self.scale() as u32;
        let image = &padded(image, self.shape.multiple() as u32);
        let overlap = Overlap::of(self.shape);
        let (columns, rows) = overlap.tiles((image.width() as usize, image.height() as usize), most);
        let total = columns.len() * rows.len();
        let mut done = 0;
        told(done, total)?;
        let mut whole = RgbImage::new(image.width() * scale, image.height() * scale);
        for (line, rows) in rows.iter().enumerate() {
            let (top, tall) = (rows.start as u32, rows.len() as u32);
            // A row of tiles is joined before it is put below the one above: what is at a tile's edge shows nowhere.
            let mut joined = RgbImage::new(image.width() * scale, tall * scale);
            for (place, columns) in columns.iter().enumerate() {
                let (left, wide) = (columns.start as u32, columns.len() as u32);
                let tile = self.tile(&crop_imm(image, left, top, wide, tall).to_image())?;
                overlap.put(&mut joined, &tile, (left * scale, 0), (place > 0, false), self.scale());
                done += 1;
                told(done, total)?;
            }
            overlap.put(&mut whole, &joined, (0, top * scale), (false, line > 0), self.scale());
        }
        release_buffers();
        Ok(if whole.dimensions() == (width * scale, height * scale) {
            whole
        } else {
            crop_imm(&whole, 0, 0, width * scale, height * scale).to_image()
        })
    }

    /// One tile, whole.
    fn tile(&self, image: &RgbImage) -> Result<RgbImage> {
        let size = (image.width() as usize, image.height() as usize);
        let numbers: Vec<_> = image.as_raw().iter().map(|&level| f32::from(level) / 255.0).collect();
        let numbers = self.enlarge_numbers(&numbers, size)?;
        let levels = numbers.iter().map(|number| (number.clamp(0.0, 1.0) * 255.0).round_ties_even() as u8).collect();
        let scale = self.scale() as u32;
        RgbImage::from_raw(image.width() * scale, image.height() * scale, levels).ok_or_else(|| Error::Computation {
            part: "the upscaler",
            message: "the result has another size than the network's factor says".to_owned(),
        })
    }

    /// What the network itself makes of an image `[height, width, 3]` in 0…1 whose sides are multiples of
    /// [`UpscalerShape::multiple`], in one piece: `[height · scale, width · scale, 3]`, in about 0…1.
    ///
    /// # Errors
    /// Numbers of another count, or a failure of the device.
    pub fn enlarge_numbers(&self, image: &[f32], (width, height): (usize, usize)) -> Result<Vec<f32>> {
        let multiple = self.shape.multiple();
        if image.len() != 3 * width * height || !width.is_multiple_of(multiple) || !height.is_multiple_of(multiple) {
            let message =
                format!("{} numbers are no image of {width}×{height} in multiples of {multiple}", image.len());
            return Err(Error::invalid("image", message));
        }
        let numbers = computing("the upscaler", || {
            floats(self.network.forward(tensor(image.to_vec(), [1, height, width, 3], self.choice.device())))
        })?;
        if numbers.iter().any(|number| !number.is_finite()) {
            let message = format!(
                "the result of `{}` is not a number everywhere, although every weight is: use --precision f32, or another \
                 upscaler",
                self.name
            );
            return Err(Error::Computation { part: "the upscaler", message });
        }
        Ok(numbers)
    }

    /// Bytes of a number of the features.
    fn bytes(&self) -> usize {
        match self.choice.compute() {
            burn::tensor::FloatDType::F32 => 4,
            _ => 2,
        }
    }
}

/// `image` with its last rows and columns mirrored beyond its edge, so that its sides are multiples of `multiple`.
fn padded(image: &RgbImage, multiple: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    // What a small image has nothing to mirror of is its last pixel again.
    let source = |place: u32, length: u32| match place.checked_sub(length) {
        None => place,
        Some(beyond) => (length - 1).saturating_sub(beyond + 1),
    };
    RgbImage::from_fn(width.next_multiple_of(multiple), height.next_multiple_of(multiple), |x, y| {
        *image.get_pixel(source(x, width), source(y, height))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_edge_is_mirrored() {
        let image = RgbImage::from_fn(3, 1, |x, _| image::Rgb([x as u8; 3]));
        let padded = padded(&image, 4);
        assert_eq!(padded.dimensions(), (4, 4));
        let row: Vec<_> = (0..4).map(|x| padded.get_pixel(x, 3).0[0]).collect();
        assert_eq!(row, [0, 1, 2, 1]);
    }
}
