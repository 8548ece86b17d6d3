//! From a picture to a control image, where that takes no network: pure functions of images.
//!
//! Control images of depth, poses and the like take a network of their own; programs such as `controlnet_aux` make them.

mod canny;
mod lines;
mod tones;

use std::fmt;
use std::str::FromStr;

use image::RgbImage;

use crate::error::{Error, Result};

/// A way to make a control image of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preprocessor {
    /// White edges, one pixel wide, on black, as OpenCV's `Canny` with thresholds of 100 and 200 finds them.
    Canny,
    /// Edges as bright as they are steep, on black, for models that were trained with HED or PiDiNet.
    SoftEdge,
    /// White lines on black where the picture is darker than around it, as in a drawing (`lineart_standard`).
    Lines,
    /// Thick white strokes on black (XDoG, Winnemöller 2011).
    Scribble,
    /// The picture out of focus.
    Blur,
    /// The picture without what is smaller than 8 pixels, to be filled in again.
    Tile,
    /// The picture without its colours.
    Gray,
    /// Its lightness (CIE L*), to be coloured anew.
    Recolor,
    /// Its negative, for drawings in black on white.
    Invert,
}

impl Preprocessor {
    /// Every one, as listed to users.
    pub const ALL: [Self; 9] = [
        Self::Canny,
        Self::SoftEdge,
        Self::Lines,
        Self::Scribble,
        Self::Blur,
        Self::Tile,
        Self::Gray,
        Self::Recolor,
        Self::Invert,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Canny => "canny",
            Self::SoftEdge => "softedge",
            Self::Lines => "lines",
            Self::Scribble => "scribble",
            Self::Blur => "blur",
            Self::Tile => "tile",
            Self::Gray => "gray",
            Self::Recolor => "recolor",
            Self::Invert => "invert",
        }
    }

    /// The control image of `picture`, which has its size.
    #[must_use]
    pub fn apply(self, picture: &RgbImage) -> RgbImage {
        match self {
            Self::Canny => canny::edges(picture, 100, 200),
            Self::SoftEdge => lines::soft_edges(picture),
            Self::Lines => lines::drawing(picture),
            Self::Scribble => lines::scribble(picture),
            Self::Blur => image::imageops::blur(picture, 9.0),
            Self::Tile => tones::without_detail(picture),
            Self::Gray => tones::gray(picture),
            Self::Recolor => tones::lightness(picture),
            Self::Invert => tones::inverted(picture),
        }
    }
}

impl fmt::Display for Preprocessor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Preprocessor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid(
                "controls",
                format!("`{text}` is no preprocessor: use one of {names}, or a ready control image"),
            )
        };
        Self::ALL.into_iter().find(|preprocessor| preprocessor.name() == text).ok_or_else(unknown)
    }
}
