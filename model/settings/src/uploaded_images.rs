//! The images that settings name: what was uploaded, and goes with the last task that needs it.

use crate::table::Settings;

/// The settings that name images.
pub const IMAGE_FIELDS: [&str; 4] = ["init_image", "mask", "controls", "image_prompts"];

impl Settings {
    /// Every image that they name, with the path of its field, such as `controls[1].image`.
    #[must_use]
    pub fn images(&self) -> Vec<(String, &str)> {
        let single = [("init_image", &self.init_image), ("mask", &self.mask)];
        let single = single.into_iter().filter_map(|(field, key)| Some((field.to_owned(), key.as_deref()?)));
        let controls = self.controls.iter().flatten().enumerate();
        let controls = controls.map(|(index, control)| (control_field(index), control.image.as_str()));
        let prompts = self.image_prompts.iter().flatten().enumerate();
        single.chain(controls).chain(prompts.map(|(index, key)| (prompt_field(index), key.as_str()))).collect()
    }

    /// The same images, to be replaced.
    pub fn images_mut(&mut self) -> Vec<(String, &mut String)> {
        let single = [("init_image", &mut self.init_image), ("mask", &mut self.mask)];
        let single = single.into_iter().filter_map(|(field, key)| Some((field.to_owned(), key.as_mut()?)));
        let controls = self.controls.iter_mut().flatten().enumerate();
        let controls = controls.map(|(index, control)| (control_field(index), &mut control.image));
        let prompts = self.image_prompts.iter_mut().flatten().enumerate();
        single.chain(controls).chain(prompts.map(|(index, key)| (prompt_field(index), key))).collect()
    }

    /// The keys of the images, each once.
    #[must_use]
    pub fn image_keys(&self) -> Vec<&str> {
        let mut keys: Vec<_> = self.images().into_iter().map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

fn control_field(index: usize) -> String {
    format!("controls[{index}].image")
}

fn prompt_field(index: usize) -> String {
    format!("image_prompts[{index}]")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kind::Kind;
    use crate::table::SETTINGS;

    #[test]
    fn every_image_has_the_path_of_its_field() {
        let Value::Object(object) = json!({
            "prompt": "a heart", "init_image": "inputs/1", "mask": "inputs/2",
            "controls": [{"model": "depth", "image": "inputs/3"}, {"model": "canny", "image": "inputs/1"}],
            "image_adapter": "plus", "image_prompts": ["inputs/4"],
        }) else {
            panic!("an object")
        };
        let mut settings = Settings::read(object, 0).expect("settings");
        let expected = [
            ("init_image", "inputs/1"),
            ("mask", "inputs/2"),
            ("controls[0].image", "inputs/3"),
            ("controls[1].image", "inputs/1"),
            ("image_prompts[0]", "inputs/4"),
        ];
        assert_eq!(settings.images(), expected.map(|(field, key)| (field.to_owned(), key)));
        assert_eq!(settings.image_keys(), ["inputs/1", "inputs/2", "inputs/3", "inputs/4"]);
        settings.images_mut().into_iter().for_each(|(field, key)| *key = field);
        assert!(settings.images().iter().all(|(field, key)| field == key), "{settings:?}");
        assert_eq!(settings.images().len(), expected.len());
        assert!(Settings::new("a heart").images().is_empty());
    }

    #[test]
    fn no_kind_of_image_is_forgotten() {
        let holds_images = |kind: Kind| match kind {
            Kind::Image | Kind::Images { .. } => true,
            Kind::Records { parts, .. } => parts.iter().any(|part| part.kind == Kind::Image),
            _ => false,
        };
        let names: Vec<_> = SETTINGS.iter().filter(|field| holds_images(field.kind)).map(|field| field.name).collect();
        assert_eq!(names, IMAGE_FIELDS);
    }
}
