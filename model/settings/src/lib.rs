//! What can be asked for. [`Settings`] is the one definition of a generation's settings: the API's request and its
//! description, the options of the command, what is stored with a task, what the model is handed and what an image's
//! metadata says all follow from its table, [`SETTINGS`].
//!
//! A [`Field`] is a name with a [`Kind`], a default and a help text. [`read`] checks a JSON object against fields and reports
//! everything that is wrong with it at once, [`schema`] describes them as JSON Schema.

mod choices;
mod combinations;
mod control_kinds;
mod control_reference;
mod described;
mod field;
mod field_error;
mod hires;
mod kind;
mod lists;
mod lora_reference;
mod mask_content;
mod near_names;
mod noise_schedule;
mod number;
mod preprocessor;
pub mod presets;
mod profiles;
mod prompt_choices;
mod reading;
mod remarks;
mod sampler;
mod scheduler_name;
mod schema;
mod settings;
mod table;
mod text;
mod tiles;
mod uploaded_images;

pub use control_kinds::{control_kind, control_kinds};
pub use control_reference::ControlReference;
pub use field::{Field, Presence};
pub use field_error::{FieldError, FieldErrors, MAX_ERRORS};
pub use hires::{HiresPass, LANCZOS_UPSCALER, LATENT_UPSCALER};
pub use kind::{Kind, Part};
pub use lora_reference::LoraReference;
pub use mask_content::MaskContent;
pub use noise_schedule::NoiseSchedule;
pub use preprocessor::Preprocessor;
pub use presets::{Preset, recipe_of};
pub use profiles::{PROFILES, Profile};
pub use prompt_choices::{PromptPadding, PromptSyntax};
pub use reading::{Missing, parse_object, read};
pub use sampler::Sampler;
pub use scheduler_name::{SchedulerName, UnknownScheduler};
pub use schema::schema;
pub use settings::INPAINTING_STRENGTH;
pub use table::{
    ASKED_ONLY, LONGEST_UNTILED, MAX_COUNT, MAX_OFFERED_NAME, MAX_PROMPT, OFFERED, ResolvedSettings, SETTINGS, SIDES,
    Settings,
};
pub use text::{quoted, shortened};
pub use tiles::Tiling;
pub use uploaded_images::IMAGE_FIELDS;
