//! The settings that a distilled model or LoRA wants, where nobody gave others.

use std::collections::BTreeMap;

use easel_settings::{Preset, Settings, recipe_of};

/// The name by which somebody says that nothing is to be filled in.
pub const NO_PRESET: &str = "none";

/// What was recognised, and by the name of which model or LoRA.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The settings.
    pub preset: &'static Preset,
    /// What they are of: the model, or a LoRA by its name.
    pub of: String,
}

/// Fills in what `settings` leave open: from the preset that they name; without one, from the first of `loras` (the name of
/// each and its file's metadata) that is recognised, else from the model's `recipe`. What was recognised is returned.
pub fn fill<'a>(
    settings: &mut Settings,
    loras: impl IntoIterator<Item = (&'a str, &'a BTreeMap<String, String>)>,
    model: &str,
    recipe: Option<&'static Preset>,
) -> Option<Recipe> {
    if settings.preset.is_some() {
        *settings = settings.clone().with_preset();
        return None;
    }
    let found = loras
        .into_iter()
        .find_map(|(name, metadata)| Some(Recipe { preset: recipe_of(name, metadata)?, of: name.to_owned() }));
    let found = found.or_else(|| Some(Recipe { preset: recipe?, of: model.to_owned() }))?;
    found.preset.fill(settings);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent<'a>(names: &[&'a str]) -> Vec<(&'a str, &'static BTreeMap<String, String>)> {
        static SAYS_NOTHING: BTreeMap<String, String> = BTreeMap::new();
        names.iter().map(|name| (*name, &SAYS_NOTHING)).collect()
    }

    #[test]
    fn a_lora_is_recognised_by_what_its_file_says_of_itself() {
        let metadata = BTreeMap::from([("ss_output_name".to_owned(), "sdxl_lightning_8step".to_owned())]);
        let mut settings = Settings::new("a heart");
        let recipe = fill(&mut settings, [("fast", &metadata)], "demo", None).expect("recognised");
        assert_eq!((recipe.preset.name, recipe.of.as_str(), settings.steps), ("lightning-8step", "fast", Some(8)));
    }

    #[test]
    fn what_is_given_comes_before_preset_lora_and_model() {
        let turbo = Preset::named("turbo-1step");
        let mut given = Settings { steps: Some(7), ..Settings::new("a heart") };
        let recipe =
            fill(&mut given, silent(&["style", "sdxl_lightning_4step_lora"]), "sdxl-turbo", turbo).expect("recognised");
        assert_eq!((recipe.preset.name, recipe.of.as_str()), ("lightning-4step", "sdxl_lightning_4step_lora"));
        assert_eq!((given.steps, given.guidance_scale), (Some(7), Some(1.0)));

        let mut of_model = Settings::new("a heart");
        assert_eq!(
            fill(&mut of_model, silent(&["style"]), "sdxl-turbo", turbo).map(|recipe| recipe.of),
            Some("sdxl-turbo".into())
        );
        assert_eq!(of_model.steps, Some(1));

        let mut named = Settings { preset: Some("lcm".into()), ..Settings::new("a heart") };
        assert_eq!(fill(&mut named, silent(&["sdxl_lightning_4step_lora"]), "sdxl-turbo", turbo), None);
        assert_eq!(named.scheduler.map(|name| name.to_string()), Some("lcm".to_owned()));

        let mut none = Settings { preset: Some(NO_PRESET.into()), ..Settings::new("a heart") };
        assert_eq!(fill(&mut none, silent(&["sdxl_lightning_4step_lora"]), "sdxl-turbo", turbo), None);
        assert_eq!((none.steps, none.scheduler), (None, None));
        assert_eq!(fill(&mut Settings::new("a heart"), [], "demo", None), None);
    }
}
