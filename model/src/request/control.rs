//! Steering by control images.

use std::sync::Arc;

use image::RgbImage;

use super::window;
use crate::error::{Error, Result};
use crate::weights::ControlModel;

/// Most control images of a request.
const MOST: usize = 8;

/// A control image and what looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// The ControlNet or T2I-Adapter.
    pub model: Arc<ControlModel>,
    /// What it looks at; resized to the image's size.
    pub image: RgbImage,
    /// How strongly it steers; 1 is as it was trained.
    pub scale: f64,
    /// The share of the steps before it begins.
    pub start: f64,
    /// The share of the steps after which it ends.
    pub end: f64,
    /// Which kind of control image it is, where the model is a union of several ([`ControlModel::kind`]).
    pub kind: Option<usize>,
}

impl Control {
    /// `image` for `model` at its usual strength over all steps.
    pub fn new(model: Arc<ControlModel>, image: RgbImage) -> Self {
        Self { model, image, scale: 1.0, start: 0.0, end: 1.0, kind: None }
    }

    /// What tells it from others, for checkpoints.
    pub(crate) fn identity(&self) -> String {
        let Self { model, image, scale, start, end, kind } = self;
        format!("{} {} {scale} {start} {end} {kind:?}", model.digest(), window::digest(image))
    }
}

pub(super) fn check(controls: &[Control]) -> Result<()> {
    let invalid = |message: String| Err(Error::invalid("controls", message));
    if controls.len() > MOST {
        return invalid(format!("{} are too many: use at most {MOST}", controls.len()));
    }
    for Control { model, image, scale, start, end, kind } in controls {
        window::check("controls", *scale, *start, *end)?;
        if image.width() == 0 || image.height() == 0 {
            return invalid("a control image has no pixels".to_owned());
        }
        match kind {
            None if model.is_union() => {
                let name = model.name();
                return invalid(format!(
                    "`{name}` is for several kinds of control images: say which, as in `{name}#canny`"
                ));
            }
            Some(kind) => drop(model.kind(&kind.to_string())?),
            None => {}
        }
    }
    Ok(())
}
