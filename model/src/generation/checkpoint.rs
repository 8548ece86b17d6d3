//! A generation put aside after any step, to be continued in another process.

use easel_settings::ResolvedSettings;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::noise::NoiseState;
use crate::request::validate;
use crate::scheduler::History;

/// First bytes of every checkpoint.
const MAGIC: &[u8; 8] = b"EASELCKP";
/// Version of the format; readers refuse others.
const VERSION: u32 = 6;
/// Larger than any generation within the request's limits.
const MAX_BYTES: usize = 256 << 20;

/// Everything that a generation needs to continue as if it had never stopped: a few times the size of its latents.
///
/// The prompt is encoded again on resuming. An init image is not needed any more and not kept, unless there is a mask: then
/// both are, and a checkpoint knows which they were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(crate) settings: ResolvedSettings,
    /// What the model was, so that another one is refused.
    pub(crate) model: String,
    /// What the LoRAs of the base and those of the refiner were: digests and weights.
    pub(crate) loras: [Vec<String>; 2],
    /// The digests of the files of trained words.
    pub(crate) embeddings: Vec<String>,
    /// What the controls were: models, images, scales.
    pub(crate) controls: Vec<String>,
    /// What the image prompts were: adapters, encoders, images, scales.
    pub(crate) image_prompts: Vec<String>,
    /// The digest of the network that enlarges the image between two passes.
    pub(crate) upscaler: Option<String>,
    /// Whether the second pass had begun.
    pub(crate) is_second_pass: bool,
    /// Whether the run started from an image, which decides where in the schedule it started.
    pub(crate) from_image: bool,
    /// What tells the mask and its init image from others.
    pub(crate) masked: Option<String>,
    /// The next evaluation of the pass's schedule.
    pub(crate) index: usize,
    pub(crate) latents: Vec<f32>,
    /// The latents of the step whose deep features the next step reuses, if it does: from them the features are computed
    /// again, which are many times larger.
    pub(crate) reused: Option<Vec<f32>>,
    /// The latents of the step whose cross-attention the next step has, if it does not compute its own.
    pub(crate) gate: Option<Vec<f32>>,
    pub(crate) history: History,
    /// Of every image's generator.
    pub(crate) noise: Vec<NoiseState>,
}

impl Checkpoint {
    /// The settings being worked on.
    pub fn settings(&self) -> &ResolvedSettings {
        &self.settings
    }

    /// The checkpoint as bytes: magic, version, checksum, then the fields.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a value cannot be represented.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = postcard::to_stdvec(self).map_err(|error| Error::Checkpoint(error.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        Ok(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote. Whether it fits a model is asked by [`crate::Model::resume`].
    ///
    /// # Errors
    /// [`Error::Checkpoint`] says whether it is no checkpoint, of another version, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let fault = |message: String| Error::Checkpoint(format!("{message}: start the image again"));
        if bytes.len() > MAX_BYTES {
            return Err(fault(format!("{} bytes is more than any checkpoint has", bytes.len())));
        }
        let (magic, rest) = bytes.split_at_checked(MAGIC.len()).unwrap_or((&[], bytes));
        if magic != MAGIC {
            return Err(fault("this is not a checkpoint".into()));
        }
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(|| fault("the file is cut short".into()))?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(fault(format!("it has version {version}, this program reads version {VERSION}")));
        }
        let (checksum, body) = rest.split_first_chunk::<4>().ok_or_else(|| fault("the file is cut short".into()))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(fault("the file is damaged (its checksum does not match)".into()));
        }
        let (checkpoint, rest): (Self, _) =
            postcard::take_from_bytes(body).map_err(|error| fault(format!("its fields cannot be read ({error})")))?;
        if !rest.is_empty() {
            return Err(fault(format!("{} bytes are left over", rest.len())));
        }
        validate(&checkpoint.settings)?;
        let earlier = [&checkpoint.reused, &checkpoint.gate].into_iter().flatten().flatten();
        if checkpoint.latents.iter().chain(earlier).any(|value| !value.is_finite()) {
            return Err(fault("its latents are not finite numbers".into()));
        }
        Ok(checkpoint)
    }
}
