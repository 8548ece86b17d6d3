//! How an image was made, as the "infotext" of AUTOMATIC1111's web interface, which many tools read.

use easel_settings::{
    LANCZOS_UPSCALER, LATENT_UPSCALER, MaskContent, NoiseSchedule, ResolvedSettings, Sampler, Tiling,
};

use crate::record::{ImageRecord, LoraRecord, UpscaleRecord};

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
    if settings.token_merging > 0.0 {
        entries.push(("Token merging ratio", settings.token_merging.to_string()));
    }
    if let Some(seed) = settings.variation_seed.filter(|_| settings.variation_strength > 0.0) {
        entries.push(("Variation seed", seed.to_string()));
        entries.push(("Variation seed strength", settings.variation_strength.to_string()));
    }
    if record.init.is_some() {
        entries.push(("Denoising strength", settings.strength.to_string()));
    }
    if record.mask.is_some() || record.extend.is_some() {
        entries.extend(of_mask(settings));
    }
    entries.extend(hires_entries(settings, record.init.is_some()));
    entries.extend(settings.tiling().map(tiling_entry));
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
    entries.extend(record.upscale.into_iter().flat_map(upscale_entries));
    entries.push(("Version", format!("easel {}", record.easel)));
    format_infotext(&with_loras(&settings.prompt, record.loras), settings.negative_prompt.as_deref(), &entries)
}

/// How the mask was read, where that is not what is usual there.
fn of_mask(settings: &ResolvedSettings) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    if settings.mask_blur > 0 {
        entries.push(("Mask blur", settings.mask_blur.to_string()));
    }
    if settings.mask_invert {
        entries.push(("Mask mode", "Inpaint not masked".to_owned()));
    }
    if let Some(padding) = settings.mask_crop {
        entries.push(("Inpaint area", "Only masked".to_owned()));
        entries.push(("Masked area padding", padding.to_string()));
    }
    let content = match settings.mask_content {
        MaskContent::Original => None,
        MaskContent::Fill => Some("fill"),
        MaskContent::Noise => Some("latent noise"),
        MaskContent::Nothing => Some("latent nothing"),
    };
    entries.extend(content.map(|content| ("Masked content", content.to_owned())));
    entries
}

/// How AUTOMATIC1111 says that there was a second pass. It knows one only without an init image, whose strength has the same
/// name.
fn hires_entries(settings: &ResolvedSettings, has_init: bool) -> Vec<(&'static str, String)> {
    let Some(scale) = settings.hires_scale else { return Vec::new() };
    let upscaler = match settings.hires_upscaler.as_str() {
        LATENT_UPSCALER => "Latent",
        LANCZOS_UPSCALER => "Lanczos",
        name => name,
    };
    let strength = if has_init { "Hires denoising strength" } else { "Denoising strength" };
    vec![
        (strength, settings.hires_strength.to_string()),
        ("Hires upscale", scale.to_string()),
        ("Hires steps", settings.hires_steps.unwrap_or(settings.steps).to_string()),
        ("Hires upscaler", upscaler.to_owned()),
    ]
}

/// How the extension "Tiled Diffusion" of AUTOMATIC1111 says that the image was drawn in tiles, whose sizes it counts in
/// latents.
fn tiling_entry(tiling: Tiling) -> (&'static str, String) {
    let (side, overlap) = (tiling.size / 8, tiling.overlap / 8);
    let entry = format!(
        r#"{{"Method": "MultiDiffusion", "Tile tile width": {side}, "Tile tile height": {side}, "Tile Overlap": {overlap}}}"#
    );
    ("Tiled Diffusion", entry)
}

/// How AUTOMATIC1111 says that a finished image was enlarged.
fn upscale_entries(record: &UpscaleRecord) -> [(&'static str, String); 2] {
    [("Postprocess upscale by", record.by.to_string()), ("Postprocess upscaler", record.upscaler.clone())]
}

/// The infotext of an image that was enlarged: `before`, which its file carried, and how it was enlarged.
#[must_use]
pub fn upscaled_infotext(before: Option<&str>, record: &UpscaleRecord) -> String {
    let entries = upscale_entries(record).map(|(name, value)| format!("{name}: {}", quoted(&value))).join(", ");
    match before.map(str::trim_end).filter(|before| !before.is_empty()) {
        Some(before) => format!("{before}, {entries}"),
        None => entries,
    }
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
        let mut record = ImageRecord {
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
            mask: None,
            extend: None,
            loras: &[],
            refiner_loras: &[],
            embeddings: &[],
            upscale: None,
            controls: &[],
            image_prompts: &[],
        };
        let expected = "a heart\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, \
            CFG scale: 5, Seed: 7, Size: 128x64, Model: demo, Refiner: demo-refiner, \
            Refiner switch at: 0.8, VAE: fixed, VAE Decoder: taesdxl, Version: easel 0.1.0";
        assert_eq!(infotext(&record), expected);
        let varied = ResolvedSettings { variation_strength: 0.2, variation_seed: Some(u64::MAX), ..settings.clone() };
        record.settings = &varied;
        let text = infotext(&record);
        assert!(
            text.contains(
                ", Model: demo, Variation seed: 18446744073709551615, Variation seed strength: 0.2, Refiner: "
            ),
            "{text}"
        );
        record.settings = &settings;

        let masked = ResolvedSettings {
            mask_blur: 4,
            mask_invert: true,
            mask_crop: Some(32),
            mask_content: MaskContent::Noise,
            strength: 0.75,
            ..settings.clone()
        };
        let of_mask = ImageRecord { settings: &masked, init: Some("a.png"), mask: Some("b.png"), ..record.clone() };
        let text = infotext(&of_mask);
        let expected = ", Denoising strength: 0.75, Mask blur: 4, Mask mode: Inpaint not masked, Inpaint area: Only masked, \
            Masked area padding: 32, Masked content: latent noise, Refiner";
        assert!(text.contains(expected), "{text}");

        let settings =
            ResolvedSettings { hires_scale: Some(1.5), hires_steps: Some(9), tile_size: Some(512), ..settings.clone() };
        let upscale = UpscaleRecord { by: 4.0, upscaler: "4x_sharp".into(), digest: None };
        let text = infotext(&ImageRecord { settings: &settings, upscale: Some(&upscale), ..record.clone() });
        let parts = "Model: demo, Denoising strength: 0.7, Hires upscale: 1.5, Hires steps: 9, Hires upscaler: Latent, \
            Tiled Diffusion: \"{\\\"Method\\\": \\\"MultiDiffusion\\\", \\\"Tile tile width\\\": 64, ";
        assert!(text.contains(parts), "{text}");
        assert!(text.contains("Postprocess upscale by: 4, Postprocess upscaler: 4x_sharp, Version"), "{text}");

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
    #[test]
    fn an_image_that_was_enlarged_says_by_what() {
        let record = UpscaleRecord { by: 1.5, upscaler: "4x: sharp".into(), digest: None };
        let entries = "Postprocess upscale by: 1.5, Postprocess upscaler: \"4x: sharp\"";
        assert_eq!(upscaled_infotext(None, &record), entries);
        assert_eq!(upscaled_infotext(Some(" \n"), &record), entries);
        let before = "a heart\nSteps: 20, Version: easel 0.1.0\n";
        let after = format!("a heart\nSteps: 20, Version: easel 0.1.0, {entries}");
        assert_eq!(upscaled_infotext(Some(before), &record), after);
    }
}
