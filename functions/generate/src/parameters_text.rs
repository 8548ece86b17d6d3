//! How a picture was made, in the words of AUTOMATIC1111's web interface, which many tools read.

use easel_model::SchedulerName;

use crate::picture;
use crate::record::Record;

/// The text for one picture.
#[must_use]
pub fn parameters_text(record: &Record<'_>) -> String {
    let request = record.request;
    let mut settings = vec![("Steps", request.steps.to_string())];
    if let Some(name) = request.scheduler {
        let (sampler, schedule) = sampler(name);
        settings.push(("Sampler", sampler.to_owned()));
        settings.extend(schedule.map(|schedule| ("Schedule type", schedule.to_owned())));
    }
    settings.push(("CFG scale", request.guidance_scale.to_string()));
    settings.push(("Seed", request.seed.to_string()));
    if let (Some(width), Some(height)) = (request.width, request.height) {
        settings.push(("Size", format!("{width}x{height}")));
    }
    settings.push(("Model", record.model.to_owned()));
    if request.count > 1 {
        settings.push(("Batch size", request.count.to_string()));
        settings.push(("Batch pos", record.index.to_string()));
    }
    if record.init.is_some() {
        settings.push(("Denoising strength", request.strength.to_string()));
    }
    if let Some(refiner) = record.refiner {
        settings.push(("Refiner", refiner.to_owned()));
        settings.push(("Refiner switch at", request.high_noise_frac.to_string()));
    }
    settings.extend(record.tiny_vae.map(|name| ("VAE Decoder", name.to_owned())));
    settings.push(("Version", format!("easel {}", record.easel)));
    picture::parameters(&request.prompt, request.negative_prompt.as_deref(), &settings)
}

/// The names of the sampler and, if not its own, the schedule type there (`modules/sd_samplers_*.py`,
/// `modules/sd_schedulers.py`).
fn sampler(name: SchedulerName) -> (&'static str, Option<&'static str>) {
    const KARRAS: Option<&str> = Some("Karras");
    match name {
        SchedulerName::Euler => ("Euler", None),
        SchedulerName::EulerAncestral => ("Euler a", None),
        SchedulerName::EulerKarras => ("Euler", KARRAS),
        SchedulerName::Heun => ("Heun", None),
        SchedulerName::Ddim | SchedulerName::DdimTrailing => ("DDIM", None),
        SchedulerName::DpmSolver => ("DPM++ 2M", None),
        SchedulerName::DpmSolverKarras => ("DPM++ 2M", KARRAS),
        SchedulerName::DpmSolverSdeKarras => ("DPM++ 2M SDE", KARRAS),
        SchedulerName::UniPc => ("UniPC", None),
        SchedulerName::Lcm => ("LCM", None),
        SchedulerName::EulerTrailing => ("Euler", Some("SGM Uniform")),
    }
}

#[cfg(test)]
mod tests {
    use easel_model::{Backend, Precision, Request};

    use super::*;

    #[test]
    fn the_text_is_what_other_tools_expect() {
        let request = Request {
            negative_prompt: Some("blurry".into()),
            width: Some(128),
            height: Some(64),
            steps: 20,
            seed: 7,
            count: 2,
            scheduler: Some(SchedulerName::DpmSolverKarras),
            ..Request::new("a heart")
        };
        let record = Record {
            easel: "0.1.0",
            request: &request,
            model: "demo",
            refiner: Some("demo-refiner"),
            tiny_vae: Some("taesdxl"),
            device: "cpu",
            backend: Backend::Flex,
            precision: Precision::F32,
            init: None,
            index: 1,
        };
        let expected = "a heart\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, \
            CFG scale: 5, Seed: 7, Size: 128x64, Model: demo, Batch size: 2, Batch pos: 1, Refiner: demo-refiner, \
            Refiner switch at: 0.8, VAE Decoder: taesdxl, Version: easel 0.1.0";
        assert_eq!(parameters_text(&record), expected);
    }
}
