//! Textual inversion (Gal et al. 2022): a trained word, whose vectors stand where the tokens of a word of the table would.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use half::{bf16, f16};
use safetensors::Dtype;
use sha2::{Digest, Sha256};

use super::pickle::{PickleFile, is_pickle};
use super::{SafetensorsFile, other_model};
use crate::error::{Error, Result};

/// The most tokens that a text encoder reads at once, and so the most vectors of a word.
const MOST_VECTORS: usize = 75;
/// The largest file that is read; 75 vectors for both encoders take 0.6 MB.
const LARGEST_FILE: u64 = 32 << 20;
/// What the vectors of the first and of the second text encoder are called: by kohya, A1111 and ComfyUI, and by diffusers.
const NAMES: [[&str; 2]; 2] = [["clip_l", "text_encoders_0"], ["clip_g", "text_encoders_1"]];

/// A trained word for both text encoders of SDXL.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    word: String,
    file: String,
    digest: String,
    count: usize,
    /// Of the first and the second text encoder, row-major, `count` rows each.
    vectors: [Vec<f32>; 2],
}

impl fmt::Debug for Embedding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Embedding({}, {} vectors, {})", self.word, self.count, self.digest)
    }
}

impl Embedding {
    /// Reads a `.safetensors` file, or one that `torch.save` wrote, of which nothing is run. The file's stem is the word.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Weights`] if it is no textual inversion for SDXL, saying what it is
    /// instead.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io { action: "reading", path: path.to_owned(), source };
        let kind = std::fs::metadata(path).map_err(io)?;
        if !kind.is_file() {
            let kind = if kind.is_dir() { "a folder" } else { "not a regular file" };
            return Err(fault(path, None, format!("is {kind}; name the file of a textual inversion")));
        }
        let mut content = Vec::new();
        File::open(path).map_err(io)?.take(LARGEST_FILE + 1).read_to_end(&mut content).map_err(io)?;
        if content.len() as u64 > LARGEST_FILE {
            let message = format!(
                "has more than {} MB, so it is no textual inversion, which has less than 1 MB; a LoRA is given with --lora",
                LARGEST_FILE >> 20
            );
            return Err(fault(path, None, message));
        }
        Self::from_bytes(path, content.into())
    }

    /// Reads a file that is in memory already; the stem of `path` is the word.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(path: &Path, content: Bytes) -> Result<Self> {
        let word = path.file_stem().and_then(|stem| stem.to_str()).map(str::trim).filter(|word| !word.is_empty());
        let word =
            word.ok_or_else(|| fault(path, None, "has a name that cannot be written in a prompt; rename it".into()))?;
        let digest = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        let matrices = if is_pickle(&content) { of_pickle(path, content) } else { of_safetensors(path, content) }?;
        let [first, second] = NAMES.map(|names| {
            matrices.iter().find(|(name, _)| names.contains(&name.rsplit('.').next().unwrap_or_default()))
        });
        let (Some((first_name, first)), Some((second_name, second))) = (first, second) else {
            return Err(fault(path, None, other_kind(&matrices)));
        };
        if first.rows != second.rows || first.rows == 0 || first.rows > MOST_VECTORS {
            let message = format!(
                "has {} vectors, `{first_name}` has {}; both need as many, 1 to {MOST_VECTORS}",
                second.rows, first.rows
            );
            return Err(fault(path, Some(second_name), message));
        }
        for (name, matrix) in [(first_name, first), (second_name, second)] {
            if matrix.values.iter().any(|value| !value.is_finite()) {
                let message = "has numbers that are NaN or infinite; get the file again".to_owned();
                return Err(fault(path, Some(name), message));
            }
        }
        Ok(Self {
            word: word.to_owned(),
            file: path.display().to_string(),
            digest,
            count: first.rows,
            vectors: [first.values.clone(), second.values.clone()],
        })
    }

    /// The word that stands for the vectors in a prompt.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.word
    }

    /// The SHA-256 of the file, in hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How many vectors there are, each of which takes the place of a token.
    #[must_use]
    pub fn vectors(&self) -> usize {
        self.count
    }

    /// Whether both stand for the same vectors, whatever their words and files.
    #[must_use]
    pub fn has_vectors_of(&self, other: &Self) -> bool {
        self.vectors == other.vectors
    }

    /// The vectors of the first text encoder or of the second, row-major, for states that are `width` wide.
    ///
    /// # Errors
    /// [`Error::Weights`] if the vectors have another width.
    pub(crate) fn rows(&self, is_second: bool, width: usize) -> Result<&[f32]> {
        let values = &self.vectors[usize::from(is_second)];
        let found = values.len() / self.count;
        if found != width {
            let name = NAMES[usize::from(is_second)][0];
            let message = format!("has vectors of {found} numbers, this model's text encoder needs {width}");
            return Err(fault(Path::new(&self.file), Some(name), message));
        }
        Ok(values)
    }
}

/// Vectors, row-major.
struct Matrix {
    rows: usize,
    width: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// Of a tensor of one or two axes with as many values.
    fn new(shape: &[usize], values: Vec<f32>) -> Option<Self> {
        let (rows, width) = match *shape {
            [width] => (1, width),
            [rows, width] => (rows, width),
            _ => return None,
        };
        (rows.checked_mul(width) == Some(values.len()) && width > 0).then_some(Self { rows, width, values })
    }
}

fn of_pickle(path: &Path, content: Bytes) -> Result<BTreeMap<String, Matrix>> {
    let file = PickleFile::from_bytes(path.to_owned(), content)?;
    let mut matrices = BTreeMap::new();
    // What has more axes, or many tensors, is something else and not read.
    for name in file.names().filter(|name| file.shape(name).is_some_and(|shape| shape.len() <= 2)).take(16) {
        let shape = file.shape(name).unwrap_or_default();
        if let Ok(values) = file.floats(name) {
            matrices.extend(Matrix::new(shape, values).map(|matrix| (name.to_owned(), matrix)));
        }
    }
    Ok(matrices)
}

fn of_safetensors(path: &Path, content: Bytes) -> Result<BTreeMap<String, Matrix>> {
    let file = SafetensorsFile::from_bytes(path.to_owned(), content)?;
    let tensors = &file.header().tensors;
    if tensors.len() > 16 {
        let kind = other_model::kind(tensors).unwrap_or("a file with many tensors");
        return Err(fault(path, None, format!("is {kind}, not a textual inversion")));
    }
    let mut matrices = BTreeMap::new();
    for (name, entry) in tensors {
        let bytes = file.mapped(entry.range.clone(), 8);
        let values = match entry.dtype {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|&number| f32::from_le_bytes(number)).collect(),
            Dtype::F64 => bytes.as_chunks().0.iter().map(|&number| f64::from_le_bytes(number) as f32).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|&number| f16::from_le_bytes(number).to_f32()).collect(),
            Dtype::BF16 => bytes.as_chunks().0.iter().map(|&number| bf16::from_le_bytes(number).to_f32()).collect(),
            _ => continue,
        };
        matrices.extend(Matrix::new(&entry.shape, values).map(|matrix| (name.clone(), matrix)));
    }
    Ok(matrices)
}

/// What a file is that has no vectors for both encoders of SDXL.
fn other_kind(matrices: &BTreeMap<String, Matrix>) -> String {
    let needed = "SDXL needs vectors for both of its text encoders, `clip_l` and `clip_g`: get the version of the \
                  embedding that was trained for SDXL";
    let found = match matrices.values().map(|matrix| matrix.width).collect::<Vec<_>>()[..] {
        [768] => "is an embedding for Stable Diffusion 1, whose vectors have 768 numbers",
        [1024] => "is an embedding for Stable Diffusion 2, whose vectors have 1,024 numbers",
        [_] => "has vectors for one text encoder",
        [] => "has no vectors, so it is no textual inversion",
        _ => "is no textual inversion for SDXL",
    };
    format!("{found}; {needed}")
}

fn fault(path: &Path, tensor: Option<&str>, message: String) -> Error {
    Error::Weights { file: path.to_owned(), tensor: tensor.map(str::to_owned), message }
}
