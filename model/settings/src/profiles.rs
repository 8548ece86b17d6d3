//! Profiles: how much work is left out of a generation, under one name.

use crate::table::Settings;

/// What a profile asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// How much of the largest self-attentions is merged.
    pub token_merging: f64,
    /// Every how many steps the whole UNet is computed.
    pub reuse_features: u32,
    /// From which share of the steps on cross-attention is not computed, if from any.
    pub attention_gate: Option<f64>,
    /// Fewest steps of a generation that it is for: in fewer, steps differ too much for one to stand in for another, and only
    /// tokens are merged.
    pub least_steps: u32,
}

/// Every profile, the one that leaves out least first.
pub const PROFILES: &[Profile] = &[
    Profile { name: "fast", token_merging: 0.5, reuse_features: 2, attention_gate: None, least_steps: 12 },
    Profile { name: "fastest", token_merging: 0.5, reuse_features: 2, attention_gate: Some(0.5), least_steps: 12 },
];

/// Their names.
pub(crate) const PROFILE_NAMES: &[&str] = &["fast", "fastest"];

impl Profile {
    /// The profile called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Fills in what `settings` leave open. The number of steps is known by then, if it is not the default.
    pub fn fill(&self, settings: &mut Settings) {
        settings.token_merging.get_or_insert(self.token_merging);
        if settings.steps.is_some_and(|steps| steps < self.least_steps) {
            return;
        }
        settings.reuse_features.get_or_insert(self.reuse_features);
        settings.attention_gate = settings.attention_gate.or(self.attention_gate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(settings: Settings) -> (f64, u32, Option<f64>) {
        let resolved = settings.resolve();
        (resolved.token_merging, resolved.reuse_features, resolved.attention_gate)
    }

    fn of(name: &str) -> Settings {
        Settings { profile: Some(name.into()), ..Settings::new("a heart") }
    }

    #[test]
    fn a_profile_is_its_parts_and_what_is_given_counts_first() {
        assert_eq!(resolved(Settings::new("a heart")), (0.0, 1, None));
        assert!(PROFILES.iter().map(|profile| profile.name).eq(PROFILE_NAMES.iter().copied()));
        for profile in PROFILES {
            let parts = (profile.token_merging, profile.reuse_features, profile.attention_gate);
            assert_eq!(resolved(of(profile.name)), parts);
            let given = Settings { reuse_features: Some(1), attention_gate: Some(0.9), ..of(profile.name) };
            assert_eq!(resolved(given), (profile.token_merging, 1, Some(0.9)));
            assert_eq!(resolved(Settings { token_merging: Some(0.0), ..of(profile.name) }).0, 0.0);
        }
    }

    #[test]
    fn few_steps_share_nothing_and_nothing_is_kept_of_tiles() {
        for profile in PROFILES {
            let few = Settings { steps: Some(profile.least_steps - 1), ..of(profile.name) };
            assert_eq!(resolved(few), (profile.token_merging, 1, None));
            let distilled = Settings { preset: Some("lightning-4step".into()), ..of(profile.name) };
            assert_eq!(resolved(distilled), (profile.token_merging, 1, None));
            let whole = (profile.token_merging, profile.reuse_features, None);
            assert_eq!(resolved(Settings { tile_size: Some(512), ..of(profile.name) }), whole);
            assert_eq!(resolved(Settings { width: Some(2048), count: 8, ..of(profile.name) }), whole);
        }
    }
}
