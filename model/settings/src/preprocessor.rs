//! How images become control images.

use std::fmt;
use std::str::FromStr;

use crate::choices::choices;

choices! {
    /// A way to make a control image from an image that takes no network.
    Preprocessor {
        /// White edges, one pixel wide, on black, as OpenCV's `Canny` with thresholds of 100 and 200 finds them.
        Canny = "canny",
        /// Edges as bright as they are steep, on black, for models that were trained with HED or PiDiNet.
        SoftEdge = "softedge",
        /// White lines on black where the image is darker than around it, as in a drawing (`lineart_standard`).
        Lines = "lines",
        /// Thick white strokes on black (XDoG, Winnemöller 2011).
        Scribble = "scribble",
        /// The image out of focus.
        Blur = "blur",
        /// The image without what is smaller than 8 pixels, to be filled in again.
        Tile = "tile",
        /// The image without its colours.
        Gray = "gray",
        /// Its lightness (CIE L*), to be coloured anew.
        Recolor = "recolor",
        /// Its negative, for drawings in black on white.
        Invert = "invert",
    }
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
}

impl fmt::Display for Preprocessor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Preprocessor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|preprocessor| preprocessor.as_str() == text);
        known.ok_or_else(|| {
            let names = Self::NAMES.join(", ");
            format!("`{text}` is no preprocessor: use one of {names}, or a ready control image")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preprocessor_is_found_by_its_name() {
        assert_eq!(Preprocessor::ALL.map(Preprocessor::as_str), Preprocessor::NAMES);
        for preprocessor in Preprocessor::ALL {
            assert_eq!(preprocessor.to_string().parse(), Ok(preprocessor));
        }
        let refused = "sketch".parse::<Preprocessor>().expect_err("there is none");
        assert!(refused.contains("`sketch`") && refused.contains("canny, softedge"), "{refused}");
    }
}
