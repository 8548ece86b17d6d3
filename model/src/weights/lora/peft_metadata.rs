//! What diffusers keeps in a LoRA's metadata rather than in tensors: alpha and rank (`lora_adapter_metadata`, JSON).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Where diffusers keeps it.
const KEY: &str = "lora_adapter_metadata";
/// The components that its keys begin with, longest first.
const COMPONENTS: [&str; 3] = ["text_encoder_2", "text_encoder", "unet"];

/// The configuration of each component's adapter (PEFT's `LoraConfig`).
#[derive(Debug, Default)]
pub(super) struct PeftMetadata(Map<String, Value>);

impl PeftMetadata {
    /// Reads it from a file's metadata; none if there is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(metadata: &BTreeMap<String, String>) -> Result<Option<Self>, String> {
        let Some(text) = metadata.get(KEY) else { return Ok(None) };
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Some(Self(fields))),
            Ok(_) => Err("is no object".to_owned()),
            Err(error) => Err(format!("is not JSON ({error})")),
        }
    }

    /// The alpha of `module`, if it is known.
    pub(super) fn alpha(&self, module: &str) -> Option<f32> {
        let (component, module) = split(module)?;
        let field = |name: &str| self.0.get(&format!("{component}.{name}"));
        let patterns = field("alpha_pattern").and_then(Value::as_object);
        // As PEFT does: a pattern stands for modules that are called so, or end in it.
        let matches = |pattern: &str| {
            let pattern = pattern.trim_start_matches('^').trim_end_matches('$').replace("\\.", ".");
            module == pattern || module.strip_suffix(&pattern).is_some_and(|rest| rest.ends_with('.'))
        };
        let special = patterns.and_then(|patterns| patterns.iter().find(|(pattern, _)| matches(pattern)));
        let alpha = special.map(|(_, alpha)| alpha).or_else(|| field("lora_alpha"))?.as_f64()? as f32;
        alpha.is_finite().then_some(alpha)
    }

    /// Whether the change of `module` is scaled by the square root of its rank (rsLoRA).
    pub(super) fn is_root_scaled(&self, module: &str) -> bool {
        let field = split(module).and_then(|(component, _)| self.0.get(&format!("{component}.use_rslora")));
        field.and_then(Value::as_bool).unwrap_or(false)
    }
}

/// The component and the module in it that `module` names.
fn split(module: &str) -> Option<(&'static str, &str)> {
    COMPONENTS.into_iter().find_map(|component| Some((component, module.strip_prefix(component)?.strip_prefix('.')?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_is_that_of_the_component_and_the_module() {
        let text = r#"{"unet.lora_alpha": 6, "unet.alpha_pattern": {"to_q": 2, "^down.to_v": 3}, "unet.use_rslora": true,
            "text_encoder_2.lora_alpha": 4.5}"#;
        let read = |text: &str| PeftMetadata::read(&BTreeMap::from([(KEY.to_owned(), text.to_owned())]));
        let metadata = read(text).expect("it is read").expect("it is there");
        for (module, alpha) in [
            ("unet.up.to_k", Some(6.0)),
            ("unet.up.to_q", Some(2.0)),
            ("unet.up.not_to_q", Some(6.0)),
            ("unet.down.to_v", Some(3.0)),
            ("text_encoder_2.layers.0", Some(4.5)),
            ("text_encoder.layers.0", None),
            ("lora_unet_x", None),
        ] {
            assert_eq!(metadata.alpha(module), alpha, "{module}");
        }
        assert!(metadata.is_root_scaled("unet.up.to_k") && !metadata.is_root_scaled("text_encoder_2.layers.0"));
        assert!(read("[]").is_err() && read("{").is_err());
        assert!(PeftMetadata::read(&BTreeMap::new()).expect("nothing is read").is_none());
    }
}
