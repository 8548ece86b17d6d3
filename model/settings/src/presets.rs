//! Recipes of distilled models and LoRAs: the settings that they were made for, and how one is recognised.
//!
//! The settings are those of the models' own pages; where these leave a choice, the one that they show in code. A guidance
//! of 1 means none, so that each step costs one evaluation of the model instead of two.

use std::collections::BTreeMap;

use crate::noise_schedule::NoiseSchedule;
use crate::sampler::Sampler;
use crate::scheduler_name::SchedulerName;
use crate::table::Settings;

/// What a distilled model or LoRA wants to be asked with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Its name, such as `lightning-4step`.
    pub name: &'static str,
    /// Denoising steps.
    pub steps: u32,
    /// How closely to follow the prompt.
    pub guidance_scale: f64,
    /// How to go from one noise level to the next.
    pub sampler: Sampler,
    /// Through which noise levels, if not the model's own.
    pub schedule: Option<NoiseSchedule>,
    /// How a name says what it is: each word of these is part of it.
    family: &'static [&'static str],
    /// How many steps a name has to mention, if there are several of the family.
    told_steps: Option<u32>,
}

macro_rules! presets {
    ($( $name:literal: $steps:literal steps, guidance $guidance:literal, $sampler:ident $( $schedule:ident )?, named $family:tt $( with $told:literal )?; )+) => {
        /// Every preset. Of those that a name fits, the first is meant.
        pub const PRESETS: &[Preset] = &[$( Preset {
            name: $name,
            steps: $steps,
            guidance_scale: $guidance,
            sampler: Sampler::$sampler,
            schedule: presets!(@optional NoiseSchedule $( $schedule )?),
            family: &$family,
            told_steps: presets!(@number $( $told )?),
        }, )+];

        /// The names of the presets, and `none`, by which nothing is filled in even for a model that is recognised.
        pub const PRESET_NAMES: &[&str] = &["none", $( $name, )+];
    };
    (@optional $type:ident $schedule:ident) => { Some($type::$schedule) };
    (@optional $type:ident) => { None };
    (@number $number:literal) => { Some($number) };
    (@number) => { None };
}

presets! {
    // SDXL-Lightning (Lin et al. 2024): Euler's method, trailing, no guidance. Its one-step model predicts the image itself.
    "lightning-1step": 1 steps, guidance 1.0, Euler Trailing, named ["lightning"] with 1;
    "lightning-2step": 2 steps, guidance 1.0, Euler Trailing, named ["lightning"] with 2;
    "lightning-8step": 8 steps, guidance 1.0, Euler Trailing, named ["lightning"] with 8;
    "lightning-4step": 4 steps, guidance 1.0, Euler Trailing, named ["lightning"];
    // Hyper-SD (Ren et al. 2024): TCD for one step, DDIM with trailing steps for the models of a fixed number; those that keep
    // guidance say so in their name.
    "hyper-8step-cfg": 8 steps, guidance 5.0, Ddim Trailing, named ["hyper", "cfg"] with 8;
    "hyper-12step-cfg": 12 steps, guidance 5.0, Ddim Trailing, named ["hyper", "cfg"] with 12;
    "hyper-1step": 1 steps, guidance 1.0, TcdDeterministic, named ["hyper"] with 1;
    "hyper-2step": 2 steps, guidance 1.0, Ddim Trailing, named ["hyper"] with 2;
    "hyper-4step": 4 steps, guidance 1.0, Ddim Trailing, named ["hyper"] with 4;
    "hyper-12step": 12 steps, guidance 5.0, Ddim Trailing, named ["hyper"] with 12;
    "hyper-8step": 8 steps, guidance 1.0, Ddim Trailing, named ["hyper"] with 8;
    // DMD2 (Yin et al. 2024): the latent consistency sampler at 999, 749, 499 and 249.
    "dmd2-4step": 4 steps, guidance 1.0, Lcm Trailing, named ["dmd2"];
    // Phased consistency (Wang et al. 2024).
    "pcm-2step": 2 steps, guidance 1.0, Ddim Trailing, named ["pcm"] with 2;
    "pcm-8step": 8 steps, guidance 1.0, Ddim Trailing, named ["pcm"] with 8;
    "pcm-16step": 16 steps, guidance 1.0, Ddim Trailing, named ["pcm"] with 16;
    "pcm-4step": 4 steps, guidance 1.0, Ddim Trailing, named ["pcm"];
    // Trajectory consistency distillation (Zheng et al. 2024).
    "tcd": 4 steps, guidance 1.0, Tcd, named ["tcd"];
    // Latent consistency (Luo et al. 2023).
    "lcm": 4 steps, guidance 1.0, Lcm, named ["lcm"];
    // Adversarial diffusion distillation (Sauer et al. 2023): SDXL Turbo, made for 512×512.
    "turbo-1step": 1 steps, guidance 1.0, EulerAncestral Trailing, named ["turbo"] with 1;
    "turbo-4step": 4 steps, guidance 1.0, EulerAncestral Trailing, named ["turbo"];
}

impl Preset {
    /// The preset called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The scheduler that it wants.
    #[must_use]
    pub fn scheduler(&self) -> SchedulerName {
        SchedulerName::new(self.sampler, self.schedule).unwrap_or_else(|_| self.sampler.into())
    }

    /// Fills in what `settings` leave open.
    pub fn fill(&self, settings: &mut Settings) {
        settings.steps.get_or_insert(self.steps);
        settings.guidance_scale.get_or_insert(self.guidance_scale);
        settings.scheduler.get_or_insert_with(|| self.scheduler());
    }

    fn fits(&self, words: &[String], steps: &[u32]) -> bool {
        self.family.iter().all(|part| words.iter().any(|word| is_word(part, word)))
            && self.told_steps.is_none_or(|told| steps.contains(&told))
    }
}

/// What the settings of `name` are, if it fits a distilled model: the name of a file or folder of a model or LoRA, with the
/// metadata of its safetensors file (such as kohya's `ss_output_name` and the model specification's `modelspec.title`).
///
/// A name that tells of several steps (`4step_8step`) or of none is taken as the family's usual one.
#[must_use]
pub fn recipe_of(name: &str, metadata: &BTreeMap<String, String>) -> Option<&'static Preset> {
    let told = ["modelspec.title", "ss_output_name", "title"];
    let told = told.into_iter().filter_map(|key| metadata.get(key)).map(String::as_str);
    std::iter::once(name).chain(told).find_map(recipe_of_name)
}

fn recipe_of_name(name: &str) -> Option<&'static Preset> {
    let (words, steps) = (words(name), steps_in(name));
    PRESETS.iter().find(|preset| preset.fits(&words, &steps))
}

/// The words of a name in small letters, where letters and digits part: `Hyper-SDXL-8steps-CFG` is `hyper`, `sdxl`,
/// `8`, `steps`, `cfg`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for letter in name.chars().take(MOST_LETTERS) {
        let continues =
            before.is_alphabetic() && letter.is_alphabetic() && !(before.is_lowercase() && letter.is_uppercase())
                || before.is_ascii_digit() && letter.is_ascii_digit();
        match words.last_mut().filter(|_| continues) {
            Some(word) => word.extend(letter.to_lowercase()),
            None if letter.is_alphanumeric() => words.push(letter.to_lowercase().collect()),
            None => {}
        }
        before = letter;
    }
    // A digit that belongs to a name, as in `DMD2`.
    let joined: Vec<String> = words.windows(2).map(|pair| pair.concat()).collect();
    words.extend(joined);
    words
}

/// Most letters of a name that are looked at.
const MOST_LETTERS: usize = 500;

/// Whether `word` is `part`, or begins with it where that is long enough to be no chance.
fn is_word(part: &str, word: &str) -> bool {
    word == part || part.len() > 3 && (word.starts_with(part) || word.ends_with(part))
}

/// Every number that a name has before `step`.
fn steps_in(name: &str) -> Vec<u32> {
    let name: String = name.chars().take(MOST_LETTERS).flat_map(char::to_lowercase).collect();
    let before = name.match_indices("step").map(|(place, _)| name[..place].trim_end_matches(['-', '_', ' ']));
    let number = |text: &str| {
        let digits = text.len() - text.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        text[text.len() - digits..].parse().ok()
    };
    before.filter_map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(name: &str) -> Option<&'static str> {
        recipe_of(name, &BTreeMap::new()).map(|preset| preset.name)
    }

    #[test]
    fn published_files_are_recognised() {
        for (name, preset) in [
            ("sdxl_lightning_4step_lora", Some("lightning-4step")),
            ("sdxl_lightning_8step", Some("lightning-8step")),
            ("sdxl_lightning_2step_unet", Some("lightning-2step")),
            ("sdxl_lightning_1step_unet_x0", Some("lightning-1step")),
            ("dreamshaperXL_lightningDPMSDE", Some("lightning-4step")),
            ("Hyper-SDXL-8steps-CFG-lora", Some("hyper-8step-cfg")),
            ("Hyper-SDXL-12steps-CFG-lora", Some("hyper-12step-cfg")),
            ("Hyper-SDXL-1step-lora", Some("hyper-1step")),
            ("Hyper-SDXL-2steps-lora", Some("hyper-2step")),
            ("Hyper-SDXL-4steps-lora", Some("hyper-4step")),
            ("Hyper-SDXL-8steps-lora", Some("hyper-8step")),
            ("dmd2_sdxl_4step_lora_fp16", Some("dmd2-4step")),
            ("pcm_sdxl_smallcfg_2step_converted", Some("pcm-2step")),
            ("pcm_sdxl_lcmlike_lora_converted", Some("pcm-4step")),
            ("lcm-lora-sdxl", Some("lcm")),
            ("lcm-sdxl", Some("lcm")),
            ("TCD-SDXL-LoRA", Some("tcd")),
            ("sdxl-turbo", Some("turbo-4step")),
            ("sd_xl_turbo_1.0_fp16", Some("turbo-4step")),
            ("turbovisionxlSuperFastXLBasedOnNew_tvxlV431Bakedvae", Some("turbo-4step")),
            ("sd_xl_base_1.0", None),
            ("stable-diffusion-xl-base-1.0", None),
            ("realvisxlV40", None),
            ("watcdog", None),
            ("demo", None),
            ("", None),
        ] {
            assert_eq!(recipe(name), preset, "{name}");
        }
    }

    #[test]
    fn metadata_tells_where_the_name_does_not() {
        let metadata = BTreeMap::from([("modelspec.title".to_owned(), "SDXL Lightning 8-step".to_owned())]);
        assert_eq!(recipe_of("model", &metadata).map(|preset| preset.name), Some("lightning-8step"));
        assert_eq!(recipe_of("lcm-lora", &metadata).map(|preset| preset.name), Some("lcm"));
    }

    #[test]
    fn presets_have_names_of_their_own_and_fill_what_is_open() {
        for preset in PRESETS {
            assert_eq!(Preset::named(preset.name), Some(preset));
            assert_eq!(SchedulerName::new(preset.sampler, preset.schedule), Ok(preset.scheduler()), "{}", preset.name);
        }
        let mut settings = Settings { steps: Some(6), ..Settings::new("a heart") };
        Preset::named("lightning-4step").expect("it is there").fill(&mut settings);
        assert_eq!((settings.steps, settings.guidance_scale), (Some(6), Some(1.0)));
        assert_eq!(settings.scheduler.map(|name| name.to_string()), Some("euler_trailing".to_owned()));
    }

    #[test]
    fn hostile_names_are_read_in_no_time() {
        for name in ["step".repeat(100_000), "1".repeat(100_000), "ß4ſtepſ".repeat(100), "4step".repeat(100_000)] {
            recipe(&name);
        }
    }
}
