//! How an image was made, as the "infotext" of AUTOMATIC1111's web interface, which many tools read.

use easel_settings::{NoiseSchedule, Sampler};

use crate::record::{ImageRecord, LoraRecord};

/// The infotext of one image.
#[must_use]
pub fn infotext(record: &ImageRecord<'_>) -> String {
    let settings = record.settings;
    let mut entries = vec![("Steps", settings.steps.to_string())];
    if let Some(name) = settings.scheduler {
        entries.push(("Sampler", name.sampler().label().to_owned()));
        // DDIM goes by timesteps there, which are spaced in one way.
        let schedule = name.schedule().filter(|_| name.sampler() != Sampler::Ddim).and_then(NoiseSchedule::label);
        entries.extend(schedule.map(|schedule| ("Schedule type", schedule.to_owned())));
    }
    entries.push(("CFG scale", settings.guidance_scale.to_string()));
    entries.push(("Seed", settings.seed.to_string()));
    if settings.clip_skip > 0 {
        // Counted from the last layer there, of which SDXL leaves one out anyway.
        entries.push(("Clip skip", (settings.clip_skip + 2).to_string()));
    }
    if let (Some(width), Some(height)) = (settings.width, settings.height) {
        entries.push(("Size", format!("{width}x{height}")));
    }
    entries.push(("Model", record.model.to_owned()));
    if record.init.is_some() {
        entries.push(("Denoising strength", settings.strength.to_string()));
    }
    if let Some(refiner) = record.refiner {
        entries.push(("Refiner", refiner.to_owned()));
        entries.push(("Refiner switch at", settings.high_noise_frac.to_string()));
    }
    entries.extend(record.vae.map(|name| ("VAE", name.to_owned())));
    entries.extend(record.tiny_vae.map(|name| ("VAE Decoder", name.to_owned())));
    if !record.loras.is_empty() {
        let hashes: Vec<_> = record.loras.iter().map(|lora| format!("{}: {}", lora.name, lora.short_hash)).collect();
        entries.push(("Lora hashes", hashes.join(", ")));
    }
    entries.push(("Version", format!("easel {}", record.easel)));
    format_infotext(&with_loras(&settings.prompt, record.loras), settings.negative_prompt.as_deref(), &entries)
}

/// The prompt with the LoRAs that it does not name itself, which is where they are named there.
fn with_loras(prompt: &str, loras: &[LoraRecord]) -> String {
    let missing = loras.iter().filter(|lora| !prompt.contains(&format!("<lora:{}:", lora.name)));
    missing.fold(prompt.to_owned(), |text, lora| format!("{text} <lora:{}:{}>", lora.name, lora.weights))
}

/// An infotext as AUTOMATIC1111 writes it (`create_infotext` in its `modules/processing.py`): the prompt, the negative
/// prompt if there is one, then `settings` such as `("Steps", "20")` in one line.
pub(crate) fn format_infotext(prompt: &str, negative_prompt: Option<&str>, settings: &[(&str, String)]) -> String {
    let negative_prompt = negative_prompt.filter(|text| !text.is_empty());
    let negative_prompt = negative_prompt.map(|text| format!("\nNegative prompt: {text}")).unwrap_or_default();
    let settings: Vec<_> = settings.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
    format!("{prompt}{negative_prompt}\n{}", settings.join(", "))
}

/// Values with the characters that separate settings are written as JSON strings.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n']) { serde_json::Value::from(value).to_string() } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use easel_model::{Backend, Precision};
    use easel_settings::ResolvedSettings;

    use super::*;

    #[test]
    fn settings_are_written_as_automatic1111_writes_them() {
        let settings = [
            ("Steps", "20".to_owned()),
            ("CFG scale", "5".to_owned()),
            ("Size", "128x128".to_owned()),
            ("Model", "a, \"b\": c".to_owned()),
        ];
        assert_eq!(
            format_infotext("a cat,\na dog", Some("ugly"), &settings),
            "a cat,\na dog\nNegative prompt: ugly\nSteps: 20, CFG scale: 5, Size: 128x128, Model: \"a, \\\"b\\\": c\""
        );
        assert_eq!(format_infotext("a cat", None, &settings[..1]), "a cat\nSteps: 20");
        assert_eq!(format_infotext("a cat", Some(""), &settings[..1]), "a cat\nSteps: 20");
    }

    #[test]
    fn the_text_is_what_other_tools_expect() {
        let settings = ResolvedSettings {
            negative_prompt: Some("blurry".into()),
            width: Some(128),
            height: Some(64),
            steps: 20,
            seed: 7,
            scheduler: Some("dpmpp_2m_karras".parse().expect("a scheduler")),
            ..ResolvedSettings::new("a heart")
        };
        let record = ImageRecord {
            easel: "0.1.0",
            settings: &settings,
            model: "demo",
            refiner: Some("demo-refiner"),
            vae: Some("fixed"),
            tiny_vae: Some("taesdxl"),
            device: "cpu",
            backend: Backend::Flex,
            precision: Precision::F32,
            init: None,
            loras: &[],
            refiner_loras: &[],
            embeddings: &[],
            controls: &[],
            image_prompts: &[],
        };
        let expected = "a heart\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, \
            CFG scale: 5, Seed: 7, Size: 128x64, Model: demo, Refiner: demo-refiner, \
            Refiner switch at: 0.8, VAE: fixed, VAE Decoder: taesdxl, Version: easel 0.1.0";
        assert_eq!(infotext(&record), expected);

        let lora = |name: &str| LoraRecord {
            name: name.into(),
            weights: "0.8:0.5".into(),
            digest: "ab".repeat(32),
            short_hash: "0123456789ab".into(),
        };
        let settings = ResolvedSettings { prompt: "a heart <lora:there:1>".into(), ..settings.clone() };
        let with = ImageRecord { settings: &settings, loras: &[lora("there"), lora("other")], ..record };
        let text = infotext(&with);
        assert!(text.starts_with("a heart <lora:there:1> <lora:other:0.8:0.5>\nNegative"), "{text}");
        assert!(text.contains(", Lora hashes: \"there: 0123456789ab, other: 0123456789ab\", Version"), "{text}");
    }
}
