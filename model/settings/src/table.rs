//! The settings of a generation. To add one, add an entry to the table below and use it in the model.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::control_reference::ControlReference;
use crate::field::{Field, Presence};
use crate::hires::LATENT_UPSCALER;
use crate::kind::{Kind, Part};
use crate::lora_reference::LoraReference;
use crate::mask_content::MaskContent;
use crate::preprocessor::Preprocessor;
use crate::presets::PRESET_NAMES;
use crate::profiles::PROFILE_NAMES;
use crate::prompt_choices::{PromptPadding, PromptSyntax};
use crate::scheduler_name::SchedulerName;

/// Most characters of a prompt or negative prompt.
pub const MAX_PROMPT: usize = 2_000;
/// Most images of one request.
pub const MAX_COUNT: u64 = 8;
/// Most layers of the text encoders that may be left out: more than the smaller one of SDXL has.
const MAX_CLIP_SKIP: u64 = 12;

/// Pixels of a side, in multiples of 8.
pub const SIDES: RangeInclusive<u32> = 64..=4096;
/// The longest side of an image that is not drawn in tiles.
pub const LONGEST_UNTILED: u32 = 2048;
const SIDE: Kind = Kind::Whole { least: *SIDES.start() as u64, most: *SIDES.end() as u64, multiple_of: 8 };
/// Most characters of the name of something that a service offers.
pub const MAX_OFFERED_NAME: usize = 100;
/// The settings that name what a service offers, with those that mean nothing without them. They mean something only to a
/// service, which has files by these names.
pub const OFFERED: [&str; 9] = [
    "model",
    "loras",
    "embeddings",
    "controls",
    "image_adapter",
    "image_prompts",
    "image_prompt_scale",
    "upscaler",
    "upscale",
];
const SHARE: Kind = Kind::Number { least: 0.0, most: 1.0 };
/// How strongly control images and image prompts are followed.
const SCALE: Kind = Kind::Number { least: 0.0, most: 2.0 };
/// What a control image is asked for with.
const CONTROL: &[Part] = &[
    Part { name: "model", kind: Kind::text(MAX_OFFERED_NAME), required: true },
    Part { name: "image", kind: Kind::Image, required: true },
    Part { name: "scale", kind: SCALE, required: false },
    Part { name: "start", kind: SHARE, required: false },
    Part { name: "end", kind: SHARE, required: false },
    Part { name: "type", kind: Kind::text(40), required: false },
    Part { name: "preprocess", kind: Kind::Choice(Preprocessor::NAMES), required: false },
];

/// The type of a setting as it is asked for.
macro_rules! asked {
    (required => $type:ty) => { $type };
    (always($value:expr) => $type:ty) => { $type };
    (or($value:expr) => $type:ty) => { Option<$type> };
    (optional => $type:ty) => { Option<$type> };
}

/// The type of a setting with its default filled in.
macro_rules! resolved {
    (or($value:expr) => $type:ty) => { $type };
    ($presence:ident $( ($value:expr) )? => $type:ty) => { asked!($presence $( ($value) )? => $type) };
}

/// The value of a setting that is not asked for.
macro_rules! unasked {
    (always($value:expr)) => {
        $value
    };
    ($presence:ident $( ($value:expr) )?) => {
        Default::default()
    };
}

/// A setting with its default filled in.
macro_rules! resolve {
    (or($value:expr) => $asked:expr) => {
        $asked.unwrap_or($value)
    };
    ($presence:ident $( ($value:expr) )? => $asked:expr) => {
        $asked
    };
}

/// A setting as it would have been asked for.
macro_rules! unresolve {
    (or($value:expr) => $resolved:expr) => {
        Some($resolved)
    };
    ($presence:ident $( ($value:expr) )? => $resolved:expr) => {
        $resolved
    };
}

macro_rules! presence {
    (required) => {
        Presence::Required
    };
    ($presence:ident $( ($value:expr) )?) => {
        Presence::Optional
    };
}

/// Each entry has a help text, a name, a type, a kind, and what holds where the setting is left out, for programs and for
/// people: `required`, it cannot be left out; `always(value)`; `or(value)`, which is filled in when the settings are
/// resolved; `optional`, which the model decides. What is `asked only` means nothing to the model itself.
macro_rules! settings {
    (
        $( $( #[doc = $help:literal] )+ $name:ident: $type:ty, $kind:expr, $presence:ident $( ($value:expr) )?, $default:literal; )+
        asked only {
            $( $( #[doc = $only_help:literal] )+ $only:ident: $only_type:ty, $only_kind:expr, $only_default:literal; )+
        }
    ) => {
        /// Every setting, in the order in which people meet them.
        pub const SETTINGS: &[Field] = &[
            $( Field {
                name: stringify!($name),
                kind: $kind,
                presence: presence!($presence $( ($value) )?),
                default: $default,
                help: concat!($( $help ),+).trim_ascii_start(),
            }, )+
            $( Field {
                name: stringify!($only),
                kind: $only_kind,
                presence: Presence::Optional,
                default: $only_default,
                help: concat!($( $only_help ),+).trim_ascii_start(),
            }, )+
        ];

        /// The settings that mean nothing to the model itself.
        pub const ASKED_ONLY: &[&str] = &[$( stringify!($only), )+];

        /// The settings of a generation as they are asked for. What is absent is the model's own default.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Settings {
            $(
                $( #[doc = $help] )+
                #[serde(skip_serializing_if = "is_absent")]
                pub $name: asked!($presence $( ($value) )? => $type),
            )+
            $(
                $( #[doc = $only_help] )+
                #[serde(skip_serializing_if = "is_absent")]
                pub $only: Option<$only_type>,
            )+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self {
                    $( $name: unasked!($presence $( ($value) )?), )+
                    $( $only: None, )+
                }
            }
        }

        /// The settings that a model is handed: every default filled in but those that the model itself decides.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct ResolvedSettings {
            $(
                $( #[doc = $help] )+
                pub $name: resolved!($presence $( ($value) )? => $type),
            )+
        }

        impl Settings {
            /// The settings with every default filled in, those of preset and profile if there are any.
            #[must_use]
            pub fn resolve(self) -> ResolvedSettings {
                let settings = self.with_preset().with_profile().with_strength_of_mask();
                ResolvedSettings { $( $name: resolve!($presence $( ($value) )? => settings.$name), )+ }
            }
        }

        impl From<ResolvedSettings> for Settings {
            fn from(resolved: ResolvedSettings) -> Self {
                Self {
                    $( $name: unresolve!($presence $( ($value) )? => resolved.$name), )+
                    $( $only: None, )+
                }
            }
        }
    };
}

settings! {
    /// What to generate.
    prompt: String, Kind::text(MAX_PROMPT), required, "";
    /// What to avoid. An empty text and none at all differ, as in diffusers.
    negative_prompt: String, Kind::Text { most: MAX_PROMPT, blank: true }, optional, "none";
    /// What the marks in the prompts mean. In settings that do not say it no mark means anything, and what is longer than the
    /// model reads at once is left out.
    prompt_syntax: PromptSyntax, Kind::Choice(PromptSyntax::NAMES), optional, "a1111";
    /// What is done about prompts of different lengths: none, the model reads them one after the other; empty, the shorter
    /// one is filled up with empty texts.
    prompt_padding: PromptPadding, Kind::Choice(PromptPadding::NAMES), or(PromptPadding::None), "none";
    /// Width in pixels, a multiple of 8.
    width: u32, SIDE, optional, "the init image's, else the model's own";
    /// Height in pixels, a multiple of 8.
    height: u32, SIDE, optional, "the init image's, else the model's own";
    /// Denoising steps of the whole schedule.
    steps: u32, Kind::whole(1, 150), or(50), "50, for the demo model 20";
    /// How closely to follow the prompt (Ho & Salimans 2022); 1 and less mean no guidance.
    guidance_scale: f64, Kind::Number { least: 0.0, most: 30.0 }, or(5.0), "5";
    /// How much of the contrast that guidance exaggerates is taken back (Lin et al. 2023).
    guidance_rescale: f64, SHARE, or(0.0), "0";
    /// The shares of the schedule from which (inclusive) and up to which (exclusive) guidance applies; a step outside takes
    /// half the time (Kynkäänniemi et al. 2024).
    guidance_interval: (f64, f64), Kind::Interval, optional, "everywhere";
    /// Compute the whole UNet only every this many steps, and on the steps between only its finest level (DeepCache, Ma et
    /// al. 2024): faster, and a slightly different image.
    reuse_features: u32, Kind::whole(1, 10), or(1), "1";
    /// The share of the places that is merged with ones like them in the largest self-attentions (ToMe, Bolya & Hoffman 2023):
    /// faster, most of all for large images, and a slightly different image.
    token_merging: f64, Kind::Number { least: 0.0, most: 0.75 }, or(0.0), "0";
    /// The share of the steps after which attention to the prompt is no longer computed but kept as it is, and guidance ends
    /// (T-GATE, Zhang et al. 2024): a step then takes less than half the time. Not for tiles.
    attention_gate: f64, SHARE, optional, "none";
    /// The scheduler: a sampler such as euler_a, with a noise schedule after it if not the model's own, such as
    /// dpmpp_2m_karras; the names of diffusers, AUTOMATIC1111 and ComfyUI are understood.
    scheduler: SchedulerName, Kind::Scheduler, optional, "the model's own";
    /// How many more of the text encoders' last layers to leave out for the prompt, as in diffusers: 0 is SDXL's own choice,
    /// the last layer but one, which AUTOMATIC1111 calls 2.
    clip_skip: u32, Kind::whole(0, MAX_CLIP_SKIP), or(0), "0";
    /// The seed of the noise: the same seed and settings give the same image. Image i of several is what the same request
    /// alone gives with this seed plus i.
    seed: u64, Kind::whole(0, u64::MAX), always(0), "drawn at random";
    /// How much of another seed's noise the images start from, as in AUTOMATIC1111: small values vary an image a little, 1 is
    /// the other seed's. The images of one request are then variations of the same one.
    variation_strength: f64, SHARE, or(0.0), "0";
    /// The other seed. Image i of several has this seed plus i.
    variation_seed: u64, Kind::whole(0, u64::MAX), optional, "drawn at random where there is a variation strength";
    /// How many images.
    count: u32, Kind::whole(1, MAX_COUNT), always(1), "1";
    /// Whether the refiner takes the last part of the schedule.
    use_refiner: bool, Kind::Flag, or(true), "if there is one";
    /// The share of the schedule that the base model does before the refiner takes over; 0 leaves an init image to the
    /// refiner alone.
    high_noise_frac: f64, SHARE, or(0.8), "0.8";
    /// The size, height and width in pixels, that the model is told the image had before it was scaled.
    original_size: (u32, u32), Kind::Size, optional, "the image's";
    /// The pixels, from the top and from the left, that the model is told were cropped.
    crop_top_left: (u32, u32), Kind::Offset, or((0, 0)), "0, 0";
    /// How much of the init image may change: the share of the schedule that runs on it.
    strength: f64, SHARE, or(0.3), "0.3, with a mask 1";
    /// How far the mask's edge is softened, in pixels (the deviation of a Gaussian).
    mask_blur: u32, Kind::whole(0, 64), or(0), "0";
    /// By how many pixels the mask grows on every side.
    mask_grow: u32, Kind::whole(0, 256), or(0), "0";
    /// Repaint what is black in the mask, in place of what is white.
    mask_invert: bool, Kind::Flag, or(false), "false";
    /// Work on the masked part alone, with this many pixels around it, at the size asked for (the model's own where none is);
    /// the result has the init image's size.
    mask_crop: u32, Kind::whole(0, 1024), optional, "the whole image";
    /// What stands under the mask at the start, where strength leaves something of it.
    mask_content: MaskContent, Kind::Choice(MaskContent::NAMES), or(MaskContent::Original), "original";
    /// The mask's gray says how much may change: the darker, the later in the schedule a place is let go (Levin & Fried 2023).
    mask_differential: bool, Kind::Flag, or(false), "false";
    /// Put the init image back over what is not masked, so that not a byte of it changes. Without, the VAE's loss shows there,
    /// as in diffusers.
    mask_paste: bool, Kind::Flag, or(true), "true";
    /// By how much the sides grow for a second pass, which draws the finished image again at that size (a "hires fix"); the
    /// result has no more than 2048 pixels a side, in tiles 4096.
    hires_scale: f64, Kind::Number { least: 1.0, most: 4.0 }, optional, "no second pass";
    /// How much the second pass may change.
    hires_strength: f64, Kind::Number { least: 0.05, most: 1.0 }, or(0.7), "0.7";
    /// Denoising steps that the second pass does.
    hires_steps: u32, Kind::whole(1, 150), optional, "as many as steps";
    /// What enlarges the image before the second pass: latent, its latents are; lanczos, the image is resampled; or the name of
    /// an upscaler.
    hires_upscaler: String, Kind::text(MAX_OFFERED_NAME), or(LATENT_UPSCALER.to_owned()), "latent";
    /// The side, in pixels, of overlapping tiles in which each step is done, for images larger than the model draws well (Bar-Tal
    /// et al. 2023); sides of the image may then have up to 4096.
    tile_size: u32, Kind::Whole { least: *SIDES.start() as u64, most: LONGEST_UNTILED as u64, multiple_of: 8 }, optional, "one piece";
    /// Pixels that neighbouring tiles share, at most half of a tile.
    tile_overlap: u32, Kind::Whole { least: 0, most: LONGEST_UNTILED as u64 / 2, multiple_of: 8 }, optional, "a quarter of a tile";
    asked only {
        /// The settings of a distilled model, for those that are not given: steps, guidance and scheduler.
        preset: String, Kind::Choice(PRESET_NAMES), "the model's or its LoRA's, where it is recognised";
        /// How much time is saved at the image's expense: of 12 steps or more, fast and fastest fill in reuse features and
        /// attention gate where they are not given.
        profile: String, Kind::Choice(PROFILE_NAMES), "nothing is left out";
        /// The key of an uploaded image to start from, or another task's image, as `task:ID/INDEX`.
        init_image: String, Kind::Image, "none";
        /// The mask of the init image, an image of its size: what is white is painted anew.
        mask: String, Kind::Image, "none";
        /// The model that draws, by a name that the service offers.
        model: String, Kind::text(MAX_OFFERED_NAME), "the service's first";
        /// LoRAs, by names that the service offers, each with a weight, which is 1 where it is left out.
        loras: Vec<LoraReference>, Kind::WeightedNames { most: 16, length: MAX_OFFERED_NAME, bound: 10.0 }, "none";
        /// Textual inversions whose words the prompts may use, by names that the service offers.
        embeddings: Vec<String>, Kind::Texts { most: 32, length: MAX_OFFERED_NAME }, "none";
        /// Images that steer the composition, each with the control model, by a name that the service offers, that looks at
        /// it, a scale (1), the share of the schedule from start (0) to end (1), for a model of several the type, and
        /// preprocess, where the control image is made from an image, the way.
        controls: Vec<ControlReference>, Kind::Records { most: 8, parts: CONTROL }, "none";
        /// The IP-Adapter through which the image prompts are read, by a name that the service offers.
        image_adapter: String, Kind::text(MAX_OFFERED_NAME), "none";
        /// Images that say, beside the prompt, what to generate.
        image_prompts: Vec<String>, Kind::Images { most: 16 }, "none";
        /// How closely to follow the image prompts.
        image_prompt_scale: f64, SCALE, "1";
        /// What enlarges the images once they are generated: an upscaler, by a name that the service offers, or lanczos.
        upscaler: String, Kind::text(MAX_OFFERED_NAME), "none";
        /// By which factor the upscaler enlarges.
        upscale: f64, Kind::Number { least: 1.0, most: 8.0 }, "the upscaler's own, of lanczos 2";
    }
}

/// Whether a setting is as good as not there.
fn is_absent<T: Absent>(value: &T) -> bool {
    value.is_absent()
}

trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Absent for String {
    fn is_absent(&self) -> bool {
        false
    }
}

impl Absent for u32 {
    fn is_absent(&self) -> bool {
        false
    }
}

impl Absent for u64 {
    fn is_absent(&self) -> bool {
        false
    }
}
