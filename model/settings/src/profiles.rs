//! Profiles: how much work is left out of a generation, under one name.

use crate::table::Settings;

/// What a profile asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// Every how many steps the whole UNet is computed.
    pub reuse_features: u32,
    /// After which share of the steps cross-attention is not computed, if after any.
    pub attention_gate: Option<f64>,
}

/// Every profile, the one that leaves out least first.
pub const PROFILES: &[Profile] = &[
    Profile { name: "fast", reuse_features: 3, attention_gate: None },
    Profile { name: "fastest", reuse_features: 3, attention_gate: Some(0.5) },
];

/// Their names.
pub(crate) const PROFILE_NAMES: &[&str] = &["fast", "fastest"];

/// Fewest steps of which profiles leave out something: between fewer, too much changes for one to stand in for another.
const LEAST_STEPS: u32 = 12;

impl Profile {
    /// The profile called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Fills in what `settings` leave open. The number of steps is known by then, if it is not the default.
    pub fn fill(&self, settings: &mut Settings) {
        if settings.steps.is_none_or(|steps| steps >= LEAST_STEPS) {
            settings.reuse_features.get_or_insert(self.reuse_features);
            settings.attention_gate = settings.attention_gate.or(self.attention_gate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(settings: Settings) -> (u32, Option<f64>) {
        let resolved = settings.resolve();
        (resolved.reuse_features, resolved.attention_gate)
    }

    fn of(name: &str) -> Settings {
        Settings { profile: Some(name.into()), ..Settings::new("a heart") }
    }

    #[test]
    fn a_profile_is_its_parts_and_what_is_given_counts_first() {
        assert_eq!(resolved(Settings::new("a heart")), (1, None));
        assert!(PROFILES.iter().map(|profile| profile.name).eq(PROFILE_NAMES.iter().copied()));
        for profile in PROFILES {
            assert_eq!(resolved(of(profile.name)), (profile.reuse_features, profile.attention_gate));
            let given = Settings { reuse_features: Some(1), attention_gate: Some(0.9), ..of(profile.name) };
            assert_eq!(resolved(given), (1, Some(0.9)));
        }
    }

    #[test]
    fn few_steps_are_whole_and_nothing_is_kept_of_tiles() {
        for profile in PROFILES {
            assert_eq!(resolved(Settings { steps: Some(LEAST_STEPS - 1), ..of(profile.name) }), (1, None));
            assert_eq!(resolved(Settings { preset: Some("lightning-4step".into()), ..of(profile.name) }), (1, None));
            let no_gate = (profile.reuse_features, None);
            assert_eq!(resolved(Settings { tile_size: Some(512), ..of(profile.name) }), no_gate);
            assert_eq!(resolved(Settings { width: Some(2048), count: 8, ..of(profile.name) }), no_gate);
        }
    }
}
