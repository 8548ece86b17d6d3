//! Which control images steer the model.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use easel_images::ControlRecord;
use easel_model::{Control, ControlModel, Preprocessor, control_image};

use crate::command_error::CommandError;

/// Which control images steer the model.
#[derive(Debug, Clone, Args)]
pub(crate) struct ControlArguments {
    /// A ControlNet for SDXL (a diffusers folder or a .safetensors file) and the control image that it looks at, such as
    /// canny.safetensors=edges.png:0.8:0:0.7: how strongly it steers, and from which to which share of the steps [default:
    /// 1:0:1]; MODEL#depth or MODEL#1 says which kind a union looks at. PREPROCESSOR@ makes the control image from an image:
    /// canny, softedge, lines, scribble, blur, tile, gray, recolor or invert. Give it again for several
    #[arg(long = "control", value_name = "[PREPROCESSOR@]MODEL[#KIND]=IMAGE[:SCALE[:START:END]]")]
    controls: Vec<OsString>,
    /// Write the control image that a preprocessor made to this file; with several, the first
    #[arg(long = "save-control", value_name = "FILE", requires = "controls")]
    pub(crate) save: Option<PathBuf>,
}

/// One `--control`, taken apart.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    preprocessor: Option<Preprocessor>,
    model: &'a str,
    kind: Option<&'a str>,
    image: &'a str,
    scale: f64,
    start: f64,
    end: f64,
}

impl ControlArguments {
    /// Opens the models and images, and what is recorded of them.
    ///
    /// # Errors
    /// What is wrong with which argument or file.
    pub(crate) fn open(&self) -> Result<Vec<(Control, ControlRecord)>, CommandError> {
        let mut models: BTreeMap<&str, Arc<ControlModel>> = BTreeMap::new();
        let mut controls = Vec::new();
        for argument in &self.controls {
            let Some(text) = argument.to_str() else {
                return Err(wrong(&argument.to_string_lossy(), "is not text in UTF-8: rename the files"));
            };
            let parts = split(text)?;
            let path = Path::new(parts.model);
            if !path.exists() {
                let message =
                    format!("--control: {} does not exist; give a ControlNet's folder or file", path.display());
                return Err(CommandError::failed(message));
            }
            let model = match models.get(parts.model) {
                Some(model) => model.clone(),
                None => Arc::new(ControlModel::open(path)?),
            };
            models.insert(parts.model, model.clone());
            let image = easel_images::load(Path::new(parts.image))?;
            let image = match parts.preprocessor {
                Some(preprocessor) => control_image(preprocessor, &image),
                None => image,
            };
            let kind = parts.kind.map(|kind| model.kind(kind)).transpose()?;
            let name = Path::new(parts.image).file_name().unwrap_or_default().to_string_lossy().into_owned();
            let record = ControlRecord {
                name: model.name(),
                digest: model.digest(),
                kind: parts.kind.map(str::to_owned),
                preprocessor: parts.preprocessor.map(|preprocessor| preprocessor.to_string()),
                image: name,
                scale: parts.scale,
                start: parts.start,
                end: parts.end,
            };
            controls
                .push((Control { model, image, scale: parts.scale, start: parts.start, end: parts.end, kind }, record));
        }
        Ok(controls)
    }
}

fn wrong(argument: &str, message: &str) -> CommandError {
    CommandError::wrong_use(format!("--control: `{argument}` {message}"))
}

/// Takes an argument apart. Names of files may have colons and equals signs too.
fn split(argument: &str) -> Result<Parts<'_>, CommandError> {
    let (model, behind) =
        equals_sign(argument).ok_or_else(|| wrong(argument, "names no control image: write MODEL=IMAGE"))?;
    let (preprocessor, model) = match model.split_once('@') {
        Some((name, model)) if !Path::new(argument).exists() && !name.contains(['/', '\\']) => {
            let preprocessor = name.parse::<Preprocessor>();
            (Some(preprocessor.map_err(|reason| CommandError::wrong_use(format!("--control: {reason}")))?), model)
        }
        _ => (None, model),
    };
    let (model, kind) = match model.rsplit_once('#') {
        Some((path, kind)) if !Path::new(model).exists() => (path, Some(kind)),
        _ => (model, None),
    };
    let (image, numbers) = numbers_behind(behind);
    let (scale, start, end) = match numbers[..] {
        [] => (1.0, 0.0, 1.0),
        [scale] => (scale, 0.0, 1.0),
        [scale, start, end] => (scale, start, end),
        _ => {
            return Err(wrong(
                argument,
                "has two numbers behind the image: write IMAGE:SCALE or IMAGE:SCALE:START:END",
            ));
        }
    };
    if model.is_empty() || image.is_empty() {
        return Err(wrong(argument, "names no model or no control image: write MODEL=IMAGE"));
    }
    Ok(Parts { preprocessor, model, kind, image, scale, start, end })
}

/// The model and the rest, at the first equals sign behind which a file's name begins, else at the first.
fn equals_sign(argument: &str) -> Option<(&str, &str)> {
    let at = |place: usize| (&argument[..place], &argument[place + 1..]);
    let places: Vec<_> = argument.match_indices('=').map(|(place, _)| place).collect();
    let names_a_file = |place: &&usize| Path::new(numbers_behind(at(**place).1).0).is_file();
    places.iter().find(names_a_file).or(places.first()).map(|&place| at(place))
}

/// A file's name and up to three numbers behind it.
pub(super) fn numbers_behind(text: &str) -> (&str, Vec<f64>) {
    let (mut name, mut numbers) = (text, Vec::new());
    while numbers.len() < 3
        && !Path::new(name).is_file()
        && let Some((front, number)) = name.rsplit_once(':')
        && let Ok(number) = number.parse()
    {
        numbers.insert(0, number);
        name = front;
    }
    (name, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_has_a_model_an_image_and_what_stands_around_them() {
        let plain = Parts {
            preprocessor: None,
            model: "canny",
            kind: None,
            image: "edges.png",
            scale: 1.0,
            start: 0.0,
            end: 1.0,
        };
        let read = |argument| split(argument).expect("it is understood");
        assert_eq!(read("canny=edges.png"), plain);
        assert_eq!(read("canny=edges.png:0.5"), Parts { scale: 0.5, ..plain });
        let all = Parts {
            preprocessor: Some(Preprocessor::Canny),
            kind: Some("3"),
            scale: -0.5,
            start: 0.1,
            end: 0.9,
            ..plain
        };
        assert_eq!(read("canny@canny#3=edges.png:-0.5:0.1:0.9"), all);
        assert_eq!(read("C:\\canny=C:\\edges.png"), Parts { model: "C:\\canny", image: "C:\\edges.png", ..plain });
        for (argument, complaint) in [
            ("canny", "MODEL=IMAGE"),
            ("canny=", "no control image"),
            ("=x.png", "no model"),
            ("a=b.png:1:2", "two numbers"),
            ("sketch@a=b.png", "no preprocessor"),
        ] {
            let error = split(argument).expect_err("it is not understood").to_string();
            assert!(error.contains(complaint), "{argument}: {error}");
        }
    }
}
