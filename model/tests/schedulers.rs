//! The schedulers against diffusers (`reference/schedulers.*` by `make_schedulers.py`, `scheduler_variants.json` by
//! `make_scheduler_variants.py`), and what runs need of them: resuming, cutting, any number of steps, clear errors.

use std::collections::BTreeMap;
use std::path::Path;

use easel_model::Error;
use easel_model::NoiseGenerator;
use easel_model::scheduler::{
    NoiseSchedule, PredictionChoice, PredictionType, Sampler, Scheduler, SchedulerConfig, SchedulerName,
    TimestepSpacing,
};
use safetensors::SafeTensors;
use serde::Deserialize;
use serde_json::{Value, json};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

/// How far a value may be from the reference's, relative to it; for samples, relative to the root mean square of the state.
const TOLERANCE: f64 = 1e-4;

fn config(fields: &Value) -> SchedulerConfig {
    SchedulerConfig::from_json(&fields.to_string(), Path::new("scheduler_config.json")).expect("a good configuration")
}

fn assert_close(values: &[f64], expected: &[f64], scale: impl Fn(f64) -> f64, what: &str) {
    assert_eq!(values.len(), expected.len(), "{what}");
    for (index, (value, expected)) in values.iter().zip(expected).enumerate() {
        assert!((value - expected).abs() <= TOLERANCE * scale(*expected), "{what}[{index}]: {value}, not {expected}");
    }
}

fn assert_state(state: &[f32], expected: &[f64], what: &str) {
    let scale = root_mean_square(expected);
    assert_close(&wide(state), expected, |_| scale, what);
}

fn root_mean_square(values: &[f64]) -> f64 {
    (values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// The closed-form denoiser of `make_schedulers.py`.
fn denoise(input: &[f32], timestep: f64, alphas_cumprod: &[f64]) -> Vec<f32> {
    let share = alphas_cumprod[timestep as usize];
    let (spread, shift) = ((1.0 + (1.0 - share) / share).sqrt(), 0.1 * (timestep / 50.0).sin());
    input.iter().map(|x| (0.6 * f64::from(*x) / spread + shift) as f32).collect()
}

fn sdxl_alphas_cumprod() -> Vec<f64> {
    let (start, end) = (0.00085f64.sqrt(), 0.012f64.sqrt());
    let alpha = |i: u32| 1.0 - (start + f64::from(i) * (end - start) / 999.0).powi(2);
    (0..1000).scan(1.0, |product, i| Some(std::mem::replace(product, *product * alpha(i)) * alpha(i))).collect()
}

/// All samples of the evaluations in `range`, the first included.
fn trajectory(
    scheduler: &mut Scheduler,
    range: std::ops::Range<usize>,
    start: Vec<f32>,
    model: impl Fn(&[f32], f64) -> Vec<f32>,
    noise: &mut dyn FnMut(usize) -> Vec<f32>,
) -> Vec<Vec<f32>> {
    let mut states = vec![start];
    for index in range {
        let sample = &states[states.len() - 1];
        let mut input = sample.clone();
        scheduler.scale_model_input(index, &mut input).expect("an evaluation of the run");
        let output = model(&input, scheduler.timesteps()[index]);
        let next = scheduler.step(index, &output, sample, noise).expect("a good step");
        states.push(next);
    }
    states
}

fn scaled_noise(scheduler: &Scheduler, noise: &[f32]) -> Vec<f32> {
    noise.iter().map(|value| value * scheduler.init_noise_sigma()).collect()
}

#[derive(Deserialize)]
struct ReferenceCase {
    config: Value,
    init_noise_sigma: f64,
    kept_states: Vec<usize>,
}

#[test]
fn trajectories_are_those_of_diffusers() {
    let text = std::fs::read_to_string(format!("{REFERENCE}/schedulers.json")).expect("the reference");
    let cases: BTreeMap<String, ReferenceCase> = serde_json::from_str(&text).expect("the reference's cases");
    let bytes = std::fs::read(format!("{REFERENCE}/schedulers.safetensors")).expect("the reference's tensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let f32s = |name: &str| -> Vec<f32> {
        let data = tensors.tensor(name).expect(name).data();
        data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let f64s = |name: &str| -> Vec<f64> {
        let data = tensors.tensor(name).expect(name).data();
        data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    };
    let noise = f32s("noise");
    let draws: Vec<&[f32]> = noise.chunks(noise.len() / 64).collect();
    let alphas_cumprod = sdxl_alphas_cumprod();
    assert_eq!(cases.len(), 68);
    for (key, case) in cases {
        let (name, steps) = key.split_once('/').expect("name/steps");
        let name: SchedulerName = name.parse().expect("a scheduler");
        // Only the model's own settings: what the name stands for must be in the name.
        let mut fields = case.config;
        let fields = fields.as_object_mut().expect("a configuration");
        fields.retain(|field, _| field != "use_karras_sigmas" && field != "algorithm_type");
        fields["timestep_spacing"] = "leading".into();
        let config = config(&json!(fields));
        assert_eq!(config, SchedulerConfig::default(), "{key}");
        let mut scheduler = Scheduler::new(name, &config, steps.parse().expect("a number")).expect("a good run");

        assert_close(scheduler.timesteps(), &f64s(&format!("{key}/timesteps")), f64::abs, &format!("{key} timesteps"));
        match tensors.tensor(&format!("{key}/sigmas")) {
            Ok(_) => {
                let sigmas = wide(scheduler.sigmas());
                assert_close(&sigmas, &f64s(&format!("{key}/sigmas")), f64::abs, &format!("{key} sigmas"));
            }
            Err(_) => assert!(scheduler.sigmas().is_empty(), "{key}"),
        }
        let init_noise_sigma = f64::from(scheduler.init_noise_sigma());
        assert_close(&[init_noise_sigma], &[case.init_noise_sigma], f64::abs, &format!("{key} init_noise_sigma"));

        let start = scaled_noise(&scheduler, draws[0]);
        let mut fresh = draws[1..].iter().map(|draw| draw.to_vec());
        let range = scheduler.base_range(None).expect("the whole run");
        let model = |input: &[f32], timestep: f64| denoise(input, timestep, &alphas_cumprod);
        let mut draw = |_| fresh.next().expect("enough noise");
        let states = trajectory(&mut scheduler, range, start, model, &mut draw);
        let kept = f32s(&format!("{key}/trajectory"));
        for (index, expected) in case.kept_states.iter().zip(kept.chunks(draws[0].len())) {
            assert_state(&states[*index], &wide(expected), &format!("{key} state {index}"));
        }
    }
}

#[derive(Deserialize)]
struct AdapterCase {
    cls: String,
    config: Value,
    set_timesteps: Value,
    init_noise_sigma: f64,
    draws: usize,
    kept_states: Vec<usize>,
}

/// The reference's name of a case without what its configuration says.
fn sampler_and_schedule(name: &str) -> &str {
    name.strip_suffix("_v_leading").or_else(|| name.strip_suffix("_v")).unwrap_or(name)
}

#[test]
fn every_further_scheduler_is_that_of_diffusers() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/adapters");
    let text = std::fs::read_to_string(format!("{folder}/schedulers.json")).expect("the reference");
    let cases: BTreeMap<String, AdapterCase> = serde_json::from_str(&text).expect("the reference's cases");
    let bytes = std::fs::read(format!("{folder}/schedulers.safetensors")).expect("the reference's tensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let f32s = |name: &str| -> Vec<f32> {
        let data = tensors.tensor(name).expect(name).data();
        data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let f64s = |name: &str| -> Vec<f64> {
        let data = tensors.tensor(name).expect(name).data();
        data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
    };
    let noise = f32s("noise");
    let draws: Vec<&[f32]> = noise.chunks(4 * 8 * 8).collect();
    let alphas_cumprod = sdxl_alphas_cumprod();
    assert_eq!(cases.len(), 100);
    for (key, case) in cases {
        let (name, steps) = key.split_once('/').expect("name/steps");
        let steps: usize = steps.parse().expect("a number");
        let by_name: SchedulerName = sampler_and_schedule(name).parse().expect("a scheduler");
        let mut whole = case.config.clone();
        whole["_class_name"] = case.cls.clone().into();
        let whole = config(&whole);
        // Only what the model is, without what the name stands for.
        let mut own = case.config.clone();
        let fields = own.as_object_mut().expect("a configuration");
        if case.cls.starts_with("EDM") {
            fields.insert("_class_name".into(), case.cls.clone().into());
        } else {
            fields
                .retain(|field, _| !field.starts_with("use_") && field != "algorithm_type" && field != "solver_order");
        }
        if by_name.schedule().is_some() && fields.get("rescale_betas_zero_snr").is_none() {
            fields.insert("timestep_spacing".into(), "leading".into());
        }
        let mut ways = vec![(by_name, config(&own))];
        if case.set_timesteps.get("num_inference_steps").is_some() && name != "tcd_eta0" {
            let (own, warning) = whole.default_name();
            assert_eq!(warning, None, "{key}");
            ways.push((own, whole));
        }
        for (name, config) in ways {
            let what = format!("{key} as {name}");
            let mut scheduler = Scheduler::new(name, &config, steps).expect(&what);
            let timesteps = f64s(&format!("{key}/timesteps"));
            assert_close(scheduler.timesteps(), &timesteps, f64::abs, &format!("{what} timesteps"));
            if tensors.tensor(&format!("{key}/sigmas")).is_ok() {
                let (sigmas, mut expected) = (wide(scheduler.sigmas()), f64s(&format!("{key}/sigmas")));
                // KDPM2 has two further zeros.
                expected.truncate(sigmas.len());
                assert_close(&sigmas, &expected, f64::abs, &format!("{what} sigmas"));
            }
            let init_noise_sigma = f64::from(scheduler.init_noise_sigma());
            assert_close(&[init_noise_sigma], &[case.init_noise_sigma], f64::abs, &format!("{what} init_noise_sigma"));
            let is_epsilon = case.config.get("prediction_type").is_some_and(|kind| kind == "epsilon");
            let model = |input: &[f32], timestep: f64| {
                if is_epsilon {
                    return denoise(input, timestep, &alphas_cumprod);
                }
                let shift = 0.1 * (timestep / 50.0).sin();
                input.iter().map(|x| (0.3 * f64::from(*x) + shift) as f32).collect()
            };
            let mut drawn = 0;
            let mut draw = |_| {
                drawn += 1;
                draws[drawn].to_vec()
            };
            let start = scaled_noise(&scheduler, draws[0]);
            // The denoiser rounds timesteps down, and some of the reference's lie a hair below whole numbers.
            let mut states = vec![start];
            for (index, timestep) in timesteps.iter().enumerate() {
                let sample = &states[index];
                let mut input = sample.clone();
                scheduler.scale_model_input(index, &mut input).expect("an evaluation of the run");
                let next = scheduler.step(index, &model(&input, *timestep), sample, &mut draw).expect("a good step");
                states.push(next);
            }
            assert_eq!(drawn, case.draws, "{what}: draws");
            let kept = f32s(&format!("{key}/trajectory"));
            for (index, expected) in case.kept_states.iter().zip(kept.chunks(draws[0].len())) {
                assert_state(&states[*index], &wide(expected), &format!("{what} state {index}"));
            }
        }
    }
}

#[test]
fn noise_levels_are_those_of_automatic1111() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/adapters/schedulers.safetensors");
    let bytes = std::fs::read(path).expect("the reference's tensors");
    let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let mut checked = 0;
    for (key, view) in tensors.tensors() {
        let Some(rest) = key.strip_prefix("a1111/") else { continue };
        let expected: Vec<f64> = view.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
        let mut parts = rest.split('/');
        let (schedule, steps) = (parts.next().expect("a name"), parts.next().expect("a number"));
        let steps = steps.parse().expect("a number of steps");
        // As spelt there, and by the names that say the same here.
        let words = schedule.replace('_', " ");
        for text in [format!("Euler {words}"), format!("DPM++ 2M {words}"), format!("DPM++ 2M SDE {words}")] {
            let name: SchedulerName = text.parse().expect("a scheduler");
            let scheduler = Scheduler::new(name, &SchedulerConfig::default(), steps).expect("a good run");
            assert_close(&wide(scheduler.sigmas()), &expected, |value| value.abs() + 1e-9, &text);
            let start = f64::from(scheduler.init_noise_sigma());
            let highest = expected[0];
            // Noise alone; where the variance is kept at 1, the same share of it.
            let share = if name.sampler() == Sampler::Euler { highest } else { highest / highest.hypot(1.0) };
            assert_close(&[start], &[share], f64::abs, &text);
        }
        checked += 1;
    }
    assert_eq!(checked, 33);
}

/// Samplers that diffusers has not, or not so, by `reference/make_k_diffusion.py`.
#[test]
fn samplers_of_k_diffusion_end_where_its_own_do() {
    for (name, expected) in [
        ("dpmpp_2s_a_karras_full", [0.3402845, 0.8787426, 0.7521858, 0.0563898]),
        ("DPM++ SDE Karras", [0.0318413, 0.6089723, 0.7252452, 0.292667]),
        ("DPM++ 3M SDE Karras", [0.2408986, 0.686387, 0.6124314, 0.075]),
    ] {
        let name: SchedulerName = name.parse().expect("a scheduler");
        let mut scheduler = Scheduler::new(name, &SchedulerConfig::default(), 16).expect("a good run");
        let draw = |k: u32| (0..4).map(|j| (1.7 * f64::from(k) + 0.9 * f64::from(j)).sin() as f32).collect();
        let start: Vec<f32> = draw(0);
        let start = scaled_noise(&scheduler, &start);
        let mut drawn = 0;
        let mut noise = |_| {
            drawn += 1;
            draw(drawn)
        };
        let range = scheduler.base_range(None).expect("the whole run");
        let model = |input: &[f32], _| input.iter().map(|value| 0.4 * value).collect();
        let states = trajectory(&mut scheduler, range, start, model, &mut noise);
        assert_state(&states[states.len() - 1], &expected, &name.to_string());
    }
}

/// Whatever the levels: a model that always sees the same image is followed to it.
#[test]
fn every_sampler_reaches_the_image_that_the_model_sees() {
    let config = SchedulerConfig::default();
    // DDIM and PNDM go down whole strides, which are not those between evenly spaced timesteps.
    let strides = |name: &SchedulerName| {
        matches!(name.sampler(), Sampler::Ddim | Sampler::Pndm) && name.schedule() == Some(NoiseSchedule::Linspace)
    };
    for name in SchedulerName::all().filter(|name| !strides(name)) {
        let Some(mut scheduler) = run(name, &config, 10) else { continue };
        let mut generator = NoiseGenerator::new(4);
        let mut sample = scaled_noise(&scheduler, &generator.normal(16));
        for index in 0..scheduler.timesteps().len() {
            // The noise that the sample has beside an image of 0.7 everywhere.
            let clean = scheduler.add_noise(index, &[0.7; 16], &[0.0; 16]).expect("an evaluation");
            let unit = scheduler.add_noise(index, &[0.0; 16], &[1.0; 16]).expect("an evaluation");
            let output: Vec<f32> = (0..16).map(|i| (sample[i] - clean[i]) / unit[i]).collect();
            let denoised = scheduler.denoised(index, &output, &sample).expect("an evaluation");
            assert!(denoised.iter().all(|value| (value - 0.7).abs() < 0.01), "{name} {index}: {denoised:?}");
            sample =
                scheduler.step(index, &output, &sample, &mut |count| generator.normal(count)).expect("a good step");
        }
        // What is left is noise of the last level at most.
        let left = sample.iter().map(|value| (value - 0.7).abs()).fold(0.0, f32::max);
        assert!(left < 0.2, "{name}: {left} is left");
    }
}

#[test]
fn what_is_said_about_a_model_is_applied() {
    for (text, zero_snr) in [("v_prediction", false), ("v", false), ("v_prediction_zsnr", true)] {
        let choice: PredictionChoice = text.parse().expect("a choice");
        let config = choice.applied(&SchedulerConfig::default());
        assert_eq!(config.prediction_type, PredictionType::VPrediction);
        assert_eq!(config.rescale_betas_zero_snr, zero_snr);
        assert_eq!(config.timestep_spacing == TimestepSpacing::Trailing, zero_snr);
        assert_eq!(choice.to_string().parse::<PredictionChoice>().expect("its own name"), choice);
    }
    assert!("noise".parse::<PredictionChoice>().expect_err("no such choice").to_string().contains("v_prediction"));
    let velocity = "v_prediction_zsnr".parse().ok();
    for (name, choice) in
        [("noobaiXLNAIXL_vPred10Version", velocity), ("model-v-prediction", velocity), ("sdxl-base", None)]
    {
        assert_eq!(PredictionChoice::of_name(name), choice, "{name}");
    }
}

/// The ratio of noise to image at each training timestep with zero terminal SNR ("Common Diffusion Noise Schedules and
/// Sample Steps are Flawed", algorithm 1), in double precision.
fn rescaled_sigmas() -> Vec<f64> {
    let roots: Vec<f64> = sdxl_alphas_cumprod().into_iter().map(f64::sqrt).collect();
    let (first, last) = (roots[0], roots[999]);
    let share = |root: f64| ((root - last) * first / (first - last)).powi(2);
    roots.into_iter().map(|root| ((1.0 - share(root)) / share(root)).sqrt()).collect()
}

#[test]
fn every_sampler_begins_where_zero_terminal_snr_has_it_or_refuses() {
    let zero_snr = usual_configs().pop().expect("the last is with zero terminal SNR");
    let rescaled = rescaled_sigmas();
    for name in SchedulerName::all() {
        let scheduler = match Scheduler::new(name, &zero_snr, 10) {
            Ok(scheduler) => scheduler,
            Err(error) => {
                assert!(ignores_zero_snr(name), "{name}: {error}");
                assert!(error.to_string().contains("rescale_betas_zero_snr"), "{name}: {error}");
                continue;
            }
        };
        let of_image = f64::from(scheduler.add_noise(0, &[1.0], &[0.0]).expect("the first step")[0]);
        let of_noise = f64::from(scheduler.add_noise(0, &[0.0], &[1.0]).expect("the first step")[0]);
        let (ratio, first) = (of_noise / of_image, scheduler.timesteps()[0]);
        let what = format!("{name} at {first}: {of_image} and {of_noise}");
        // Most begin at the last timestep, 999, where next to nothing of the image is left. (Cut off, it may be 998.)
        if first >= 998.0 {
            assert!(ratio >= 4095.0 && of_noise > 0.0, "{what}");
        } else {
            let expected = rescaled[first as usize];
            assert!((ratio / expected - 1.0).abs() < 1e-3, "{what}, not {expected}");
        }
    }
}

/// Whether a run cannot begin where zero terminal SNR has it.
fn ignores_zero_snr(name: SchedulerName) -> bool {
    name.sampler() == Sampler::Pndm
        || matches!(name.schedule(), Some(NoiseSchedule::AysSigmas | NoiseSchedule::AlignYourSteps))
}

#[derive(Deserialize)]
struct Variant {
    name: SchedulerName,
    settings: Value,
    steps: usize,
    start: usize,
    init_noise_sigma: f64,
    timesteps: Vec<f64>,
    sigmas: Vec<f64>,
    kept_states: Vec<usize>,
    states: Vec<Vec<f64>>,
    next_noise: f64,
}

#[test]
fn settings_of_other_models_are_those_of_diffusers() {
    let variants: Vec<Variant> =
        serde_json::from_str(include_str!("reference/scheduler_variants.json")).expect("the variants");
    assert_eq!(variants.len(), 82);
    for variant in variants {
        let Variant { name, settings, steps, start, .. } = variant;
        let what = format!("{name} {settings} {steps} steps from {start}");
        let mut scheduler = Scheduler::new(name, &config(&settings), steps).expect(&what);
        assert_close(scheduler.timesteps(), &variant.timesteps, f64::abs, &format!("{what}: timesteps"));
        assert_close(&wide(scheduler.sigmas()), &variant.sigmas, f64::abs, &format!("{what}: sigmas"));
        let init_noise_sigma = f64::from(scheduler.init_noise_sigma());
        assert_close(&[init_noise_sigma], &[variant.init_noise_sigma], f64::abs, &format!("{what}: init_noise_sigma"));

        let mut generator = NoiseGenerator::new(5);
        let noise = generator.normal(16);
        let first = match start {
            0 => scaled_noise(&scheduler, &noise),
            _ => {
                let clean: Vec<f32> = (0..16u8).map(|i| -1.0 + f32::from(i) / 7.5).collect();
                scheduler.add_noise(start, &clean, &noise).expect("an evaluation of the run")
            }
        };
        let model = |input: &[f32], timestep: f64| {
            let shift = 0.1 * (timestep / 50.0).sin();
            input.iter().map(|x| (0.4 * f64::from(*x) + shift) as f32).collect()
        };
        let range = start..scheduler.timesteps().len();
        let states = trajectory(&mut scheduler, range, first, model, &mut |count| generator.normal(count));
        for (index, expected) in variant.kept_states.iter().zip(&variant.states) {
            let state: Vec<f32> = states[*index].iter().step_by(3).copied().collect();
            assert_state(&state, expected, &format!("{what}: state {index}"));
        }
        let next = f64::from(generator.normal(16)[0]);
        assert_close(&[next], &[variant.next_noise], |_| 1.0, &format!("{what}: noise drawn"));
    }
}

/// The settings that a run is tried with, whatever the scheduler.
fn usual_configs() -> Vec<SchedulerConfig> {
    let plain = SchedulerConfig::default();
    let spaced = |timestep_spacing| SchedulerConfig { timestep_spacing, ..plain.clone() };
    let zero_snr = SchedulerConfig {
        rescale_betas_zero_snr: true,
        prediction_type: PredictionType::VPrediction,
        ..spaced(TimestepSpacing::Trailing)
    };
    vec![plain.clone(), spaced(TimestepSpacing::Linspace), spaced(TimestepSpacing::Trailing), zero_snr]
}

/// The run of `name`; `None` where the sampler says that it does not go with the configuration or number of steps.
fn run(name: SchedulerName, config: &SchedulerConfig, steps: usize) -> Option<Scheduler> {
    let run = Scheduler::new(name, config, steps);
    let is_ays = matches!(name.schedule(), Some(NoiseSchedule::AysTimesteps | NoiseSchedule::AysSigmas));
    let is_distilled = matches!(name.sampler(), Sampler::Lcm | Sampler::Tcd | Sampler::TcdDeterministic);
    let refuses = is_ays && steps != 10
        || is_distilled && name.schedule().is_none() && steps > 50
        || ignores_zero_snr(name) && config.rescale_betas_zero_snr;
    assert_eq!(run.is_err(), refuses, "{name} {steps} steps on {config:?}");
    run.ok()
}

/// Every scheduler and usual configuration, with many numbers of steps; samplers by themselves with every number.
fn every_run() -> Vec<Scheduler> {
    let mut runs = Vec::new();
    for (index, config) in usual_configs().iter().enumerate() {
        for name in SchedulerName::all() {
            let steps: Vec<usize> = match name.schedule() {
                None if index == 0 => (1..=150).collect(),
                _ => vec![1, 2, 3, 4, 5, 8, 10, 14, 15, 33, 61, 150],
            };
            runs.extend(steps.into_iter().filter_map(|steps| run(name, config, steps)));
        }
    }
    runs
}

#[test]
fn every_number_of_steps_ends_in_finite_latents() {
    for mut scheduler in every_run() {
        let what = format!("{} {} steps", scheduler.name(), scheduler.steps());
        let (name, steps) = (scheduler.name(), scheduler.steps());
        let expected = match scheduler.evaluations_per_step() {
            2 if name.schedule() != Some(NoiseSchedule::KlOptimal) => 2 * steps - 1,
            2 => 2 * steps,
            _ if name.sampler() == Sampler::Pndm && steps > 1 => steps + 1,
            _ => steps,
        };
        assert_eq!(scheduler.timesteps().len(), expected, "{what}");
        assert!(scheduler.timesteps().iter().all(|t| (0.0..1000.0).contains(t)), "{what}");
        // Levels halfway through a step are not rounded where those of the steps are.
        assert!(scheduler.timesteps().is_sorted_by(|a, b| a + 0.6 >= *b), "{what}: {:?}", scheduler.timesteps());

        let mut generator = NoiseGenerator::new(3);
        let start = scaled_noise(&scheduler, &generator.normal(16));
        let model = |input: &[f32], _| input.iter().map(|x| 0.5 * x).collect();
        let draw = &mut |count| generator.normal(count);
        let states = trajectory(&mut scheduler, 0..expected, start, model, draw);
        let last = &states[expected];
        // Few steps of second order down from a level of 4096 are no good, with a model as simple as this one.
        let most = if steps < 8 { 1e5 } else { 1e3 };
        assert!(last.iter().all(|value| value.abs() < most), "{what}: {last:?}");
    }
}

#[test]
fn a_run_resumed_after_any_evaluation_gives_the_same_bits() {
    let alphas_cumprod = sdxl_alphas_cumprod();
    let model = |input: &[f32], timestep: f64| denoise(input, timestep, &alphas_cumprod);
    let seed = 21;
    for name in SchedulerName::all() {
        let config = SchedulerConfig::default();
        // With fewer than 15 steps some solvers end with lower order, and diffusers' "align your steps" has ten.
        let steps = if run(name, &config, 10).is_some() && name.schedule().is_some() { 10 } else { 16 };
        let begin = || Scheduler::new(name, &config, steps).expect("so many steps are good");
        let mut unbroken = begin();
        let count = unbroken.timesteps().len();
        let mut generator = NoiseGenerator::new(seed);
        let start = scaled_noise(&unbroken, &generator.normal(24));
        let draw = &mut |count| generator.normal(count);
        let states = trajectory(&mut unbroken, 0..count, start.clone(), model, draw);

        for cut in 0..=count {
            let mut before = begin();
            let mut generator = NoiseGenerator::new(seed);
            let _ = generator.normal(24);
            let draw = &mut |count| generator.normal(count);
            let reached =
                trajectory(&mut before, 0..cut, start.clone(), model, draw).pop().expect("the start at least");
            let saved = serde_json::to_string(&(before.history(), generator.state())).expect("plain numbers");

            let (history, position) = serde_json::from_str(&saved).expect("what was saved");
            let mut after = begin();
            after.restore(history);
            let mut generator = NoiseGenerator::resume(seed, position).expect("a good position");
            let draw = &mut |count| generator.normal(count);
            let rest = trajectory(&mut after, cut..count, reached, model, draw);
            for (index, (state, expected)) in rest.iter().zip(&states[cut..]).enumerate() {
                let bits = |state: &[f32]| state.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(state), bits(expected), "{name}, cut at {cut}, {index} evaluations later");
            }
        }
    }
}

#[test]
fn base_and_refiner_share_out_every_evaluation() {
    for scheduler in every_run() {
        let count = scheduler.timesteps().len();
        let mut earlier = 0;
        for percent in 0..=100 {
            let fraction = f64::from(percent) / 100.0;
            let what = format!("{} {} steps, {fraction}", scheduler.name(), scheduler.steps());
            let base = scheduler.base_range(Some(fraction)).expect("a good fraction");
            let refiner = scheduler.refiner_range(fraction).expect("a good fraction");
            assert_eq!((base.start, base.end, refiner.end), (0, refiner.start, count), "{what}");
            assert!(base.end >= earlier, "{what}: more for the base gives it less");
            earlier = base.end;
            // Which step an evaluation belongs to; its first timestep decides.
            let starts: Vec<usize> = (0..scheduler.steps()).map(|step| scheduler.first_evaluation(step)).collect();
            assert!(starts.contains(&base.end) || base.end == count, "{what}: a step is cut in two");
            let cutoff = (1000.0 - fraction * 1000.0).round_ties_even();
            for index in starts {
                let above = scheduler.timesteps()[index] >= cutoff;
                assert_eq!(base.contains(&index), above, "{what}: evaluation {index}");
            }
        }
        assert_eq!(scheduler.base_range(None).expect("the whole run"), 0..count);
    }
}

#[test]
fn cuts_are_those_of_diffusers() {
    let run = |name: &str, steps| {
        let name = name.parse().expect("a scheduler");
        Scheduler::new(name, &SchedulerConfig::default(), steps).expect("a good run")
    };
    let euler = run("euler", 25);
    assert_eq!(euler.base_range(Some(0.8)).expect("good"), 0..20);
    assert_eq!(euler.refiner_range(0.8).expect("good"), 20..25);
    assert_eq!(run("euler_karras", 20).base_range(Some(0.7)).expect("good"), 0..11);
    assert_eq!(euler.strength_range(0.6).expect("good"), 10..25);
    assert_eq!(euler.strength_range(1.0).expect("good"), 0..25);
    // 0.29 * 100 is 28.999999999999996 in floating point, and cut off, not rounded.
    assert_eq!(run("euler", 100).strength_range(0.29).expect("good"), 72..100);
    // Heun: whole steps of two evaluations.
    let heun = run("heun", 10);
    assert_eq!(heun.strength_range(0.5).expect("good"), 10..19);
    assert_eq!(heun.base_range(Some(0.8)).expect("good"), 0..16);
    // PNDM does its first step twice; a run that begins later does not.
    let pndm = run("pndm", 10);
    assert_eq!(pndm.strength_range(1.0).expect("good"), 0..11);
    assert_eq!(pndm.strength_range(0.9).expect("good"), 2..11);
    assert_eq!(pndm.base_range(Some(0.8)).expect("good"), 0..9);
    assert_eq!((0..11).map(|index| pndm.step_of(index)).collect::<Vec<_>>(), [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn wrong_use_is_refused_with_a_reason() {
    let message = |error: Error| {
        assert!(error.is_wrong_use(), "{error}");
        error.to_string()
    };
    let new = |name: &str, config: &SchedulerConfig, steps| {
        Scheduler::new(name.parse().expect("a scheduler"), config, steps).map(|_| ())
    };
    let plain = SchedulerConfig::default();
    for steps in [0, 1000, usize::MAX] {
        for name in SchedulerName::all() {
            let error = new(&name.to_string(), &plain, steps).expect_err("no such run");
            assert!(message(error).starts_with("steps: "), "{name} {steps}");
        }
    }
    let error = new("lcm", &plain, 51).expect_err("more than LCM has");
    assert_eq!(message(error), "steps: 51 is more than the 50 that scheduler `lcm` has; ask for at most 50");

    let error = "dpm".parse::<SchedulerName>().expect_err("no such name").to_string();
    assert!(error.contains("`dpm`") && error.contains("euler_a") && error.contains("trailing"), "{error}");
    let error = new("euler_ays_timesteps", &plain, 11).expect_err("there are ten");
    assert!(message(error).contains("10"));

    let nothing_left =
        SchedulerConfig { rescale_betas_zero_snr: true, timestep_spacing: TimestepSpacing::Trailing, ..plain.clone() };
    for name in ["ddim", "lcm_trailing", "tcd_trailing", "pndm"] {
        assert!(message(new(name, &nothing_left, 10).expect_err("divides by zero")).contains("rescale_betas_zero_snr"));
    }
    let edm = config(&json!({"_class_name": "EDMEulerScheduler"}));
    for name in ["ddim", "lcm", "tcd", "pndm", "euler_trailing", "dpmpp_2m_sgm_uniform"] {
        assert!(message(new(name, &edm, 10).expect_err("no training timesteps")).contains("EDM"));
    }
    let image = SchedulerConfig { prediction_type: PredictionType::Sample, ..plain.clone() };
    message(new("euler_a", &image, 10).expect_err("not in diffusers"));
    let clipped = SchedulerConfig { lambda_min_clipped: Some(1e30), ..plain.clone() };
    message(new("dpmpp_2m", &clipped, 10).expect_err("no timestep left"));
    let rising = SchedulerConfig { sigma_min: Some(50.0), ..plain.clone() };
    message(new("euler_karras", &rising, 10).expect_err("noise levels rise"));
    let far = SchedulerConfig { steps_offset: 900, ..plain.clone() };
    message(new("ddim", &far, 10).expect_err("beyond training"));

    let run = Scheduler::new(Sampler::Euler.into(), &plain, 10).expect("a good run");
    for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        message(run.base_range(Some(value)).expect_err("no fraction"));
        message(run.refiner_range(value).expect_err("no fraction"));
        message(run.strength_range(value).expect_err("no fraction"));
    }
    assert!(message(run.strength_range(0.05).expect_err("less than a step")).contains("raise"));
}

#[test]
fn histories_and_samples_that_do_not_belong_are_refused() {
    let sample = [0.5f32; 8];
    for name in SchedulerName::all() {
        let Some(mut run) = run(name, &SchedulerConfig::default(), 6) else { continue };
        let noise = &mut |count| vec![0.0; count];
        for (index, output) in [(99, &sample[..]), (usize::MAX, &sample), (0, &sample[..7])] {
            let error = run.step(index, output, &sample, noise).expect_err("no such step");
            assert!(matches!(error, Error::Computation { .. }), "{name}: {error}");
        }
        run.scale_model_input(99, &mut [0.0]).expect_err("no such evaluation");
        run.add_noise(0, &sample, &sample[..7]).expect_err("lengths differ");
        run.step(0, &sample, &sample, noise).expect("a good step");
        let history = run.history().clone();
        if history.is_empty() {
            continue;
        }
        let mut tampered = vec![(0, history.clone())];
        for change in 0..3 {
            let mut history = history.clone();
            match change {
                0 if history.outputs.is_empty() => drop(history.sample.pop()),
                0 => drop(history.outputs[0].pop()),
                1 => history.outputs.resize(9, sample.to_vec()),
                _ => history.sample.push(1.0),
            }
            tampered.push((1, history));
        }
        for (index, history) in tampered {
            run.restore(history);
            let error = run.step(index, &sample, &sample, noise).expect_err("not this run's history");
            assert!(matches!(error, Error::Checkpoint(_)), "{name}: {error}");
        }
    }
    // Heun cannot go on in the middle of a step without knowing its first half.
    let mut heun = Scheduler::new(Sampler::Heun.into(), &SchedulerConfig::default(), 6).expect("a good run");
    heun.step(3, &sample, &sample, &mut |_| Vec::new()).expect_err("no first half");
    let mut midpoint = Scheduler::new(Sampler::Dpm2.into(), &SchedulerConfig::default(), 6).expect("a good run");
    midpoint.step(3, &sample, &sample, &mut |_| Vec::new()).expect_err("no first half");
    let mut ancestral =
        Scheduler::new(Sampler::EulerAncestral.into(), &SchedulerConfig::default(), 6).expect("a good run");
    ancestral.step(0, &sample, &sample, &mut |_| Vec::new()).expect_err("no noise");
}

#[test]
fn configuration_files_say_what_they_mean_or_are_refused() {
    let read = |text: &str| SchedulerConfig::from_json(text, Path::new("model/scheduler_config.json"));
    for folder in ["base", "refiner"] {
        let file = format!("{}/demo/{folder}/scheduler/scheduler_config.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).expect("the demo model's configuration");
        assert_eq!(read(&text).expect("a good file"), SchedulerConfig::default());
    }
    // As diffusers writes it, with Python's infinity.
    let text = r#"{"_class_name": "DPMSolverMultistepScheduler", "use_karras_sigmas": true, "lambda_min_clipped": -Infinity,
        "algorithm_type": "sde-dpmsolver++", "disable_corrector": [], "trained_betas": null, "something_new": {"a": 1}}"#;
    let config = read(text).expect("a good file");
    assert_eq!(config.lambda_min_clipped, None);
    assert_eq!(config.default_name(), ("dpmpp_2m_sde_karras".parse().expect("a scheduler"), None));

    let default_name = |fields: Value| self::config(&fields).default_name();
    for (class, spacing, karras, name) in [
        ("EulerDiscreteScheduler", "leading", false, "euler"),
        ("EulerDiscreteScheduler", "trailing", false, "euler_trailing"),
        ("EulerDiscreteScheduler", "leading", true, "euler_karras"),
        ("EulerAncestralDiscreteScheduler", "trailing", false, "euler_a"),
        ("HeunDiscreteScheduler", "leading", false, "heun"),
        ("DDIMScheduler", "leading", false, "ddim"),
        ("DDIMScheduler", "trailing", false, "ddim_trailing"),
        ("DPMSolverMultistepScheduler", "linspace", false, "dpmpp_2m"),
        ("DPMSolverMultistepScheduler", "leading", true, "dpmpp_2m_karras"),
        ("UniPCMultistepScheduler", "leading", false, "unipc"),
        ("LCMScheduler", "leading", false, "lcm"),
    ] {
        let fields = json!({"_class_name": class, "timestep_spacing": spacing, "use_karras_sigmas": karras});
        assert_eq!(default_name(fields), (name.parse().expect("a scheduler"), None), "{class}");
    }
    for (class, field, value) in [
        ("SASolverScheduler", "solver_order", json!(2)),
        ("", "solver_order", json!(2)),
        ("DPMSolverMultistepScheduler", "algorithm_type", json!("dpmsolver")),
        ("DPMSolverMultistepScheduler", "thresholding", json!(true)),
        ("UniPCMultistepScheduler", "solver_order", json!(3)),
        ("DDIMScheduler", "trained_betas", json!([0.1, 0.2])),
    ] {
        let fields = json!({"_class_name": class, field: value});
        let (name, warning) = default_name(fields);
        let warning = warning.expect("it says so");
        assert!(name.to_string() == "euler" && warning.contains(class) && warning.contains("`euler`"), "{warning}");
    }

    // What every sampler reads has to be good.
    for (field, value) in [
        ("num_train_timesteps", json!(0)),
        ("num_train_timesteps", json!(1e18 as u64)),
        ("num_train_timesteps", json!("many")),
        ("beta_start", json!(-1)),
        ("beta_end", json!(1.5)),
        ("beta_schedule", json!("squaredcos_cap_v2")),
        ("prediction_type", json!("flow_prediction")),
        ("timestep_spacing", json!(7)),
        ("steps_offset", json!(1000)),
        ("steps_offset", json!(-1)),
    ] {
        let error = read(&json!({field: value}).to_string()).expect_err(field).to_string();
        assert!(
            error.starts_with("model/scheduler_config.json: ") && error.contains(field),
            "{field} {value}: {error}"
        );
    }
    // What some do not read is no reason for them to refuse, and is one for those that do.
    for (field, value, reader, other) in [
        ("sigma_min", json!(0.0), "euler", "ddim"),
        ("final_sigmas_type", json!("one"), "euler", "lms"),
        ("original_inference_steps", json!(0), "lcm", "euler"),
        ("algorithm_type", json!("dpmsolver"), "dpmpp_2m", "euler"),
        ("solver_order", json!(3), "unipc", "dpmpp_2m"),
        ("solver_order", json!(7), "deis", "euler"),
        ("solver_type", json!(9), "dpmpp_2s", "deis"),
        ("use_beta_sigmas", json!("perhaps"), "dpm2", "euler_a"),
        ("predict_x0", json!(false), "unipc", "dpmpp_2m"),
        ("thresholding", json!(true), "ddim", "euler"),
        ("trained_betas", json!([0.1, 0.2]), "euler", ""),
        ("timestep_type", json!("continuous"), "euler", "dpmpp_2m"),
        ("clip_sample_range", json!(-1.0), "heun", "euler"),
        ("skip_prk_steps", json!(false), "pndm", "euler"),
        ("use_flow_sigmas", json!(true), "dpmpp_2m", "heun"),
    ] {
        let config = read(&json!({field: value}).to_string()).expect(field);
        let new = |name: &str| Scheduler::new(name.parse().expect("a scheduler"), &config, 10);
        let error = new(reader).expect_err(field).to_string();
        assert!(error.contains(field) && error.contains(reader), "{field} {value}: {error}");
        if !other.is_empty() {
            new(other).expect(field);
        }
    }
    for text in ["", "{", "[]", "null", "\"", "{\"beta_start\": 1e999}", &"[".repeat(100_000)] {
        assert!(matches!(read(text), Err(Error::Config { .. })), "{text:.20}");
    }
}

#[test]
fn hostile_configurations_never_panic_or_give_endless_runs() {
    let numbers =
        [-1.0, 0.0, 1e-300, 1e-9, 0.00085, 0.012, 0.5, 0.999_999, 1.0, 7.0, 49.0, 50.0, 999.0, 10_000.0, 1e300];
    let words =
        ["linear", "scaled_linear", "epsilon", "v_prediction", "sample", "linspace", "leading", "trailing", "zero"]
            .into_iter()
            .chain(["sigma_min", "dpmsolver++", "sde-dpmsolver++", "midpoint", "heun", "bh1", "no"]);
    let mut values: Vec<Value> = words.map(Value::from).chain([Value::Null, true.into(), false.into()]).collect();
    values.extend(numbers.map(Value::from));
    values.extend(numbers.map(|number| Value::from(number as u64)));
    let fields =
        ["num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr", "prediction_type"]
            .into_iter()
            .chain([
                "timestep_spacing",
                "steps_offset",
                "use_karras_sigmas",
                "use_exponential_sigmas",
                "use_beta_sigmas",
                "use_lu_lambdas",
                "sigma_min",
                "sigma_max",
                "final_sigmas_type",
            ])
            .chain([
                "clip_sample",
                "clip_sample_range",
                "set_alpha_to_one",
                "original_inference_steps",
                "timestep_scaling",
            ])
            .chain([
                "algorithm_type",
                "solver_order",
                "solver_type",
                "lower_order_final",
                "euler_at_final",
                "lambda_min_clipped",
            ]);
    let fields: Vec<&str> = fields.collect();
    // Any stream of numbers will do to choose with.
    let mut generator = NoiseGenerator::new(9);
    let mut choose = |count: usize| (generator.normal(1)[0].abs() * 1e5) as usize % count;
    let names: Vec<SchedulerName> = SchedulerName::all().collect();
    let mut started = 0;
    for _ in 0..100_000 {
        let mut text = json!({});
        for _ in 0..=choose(4) {
            text[fields[choose(fields.len())]] = values[choose(values.len())].clone();
        }
        let Ok(config) = SchedulerConfig::from_json(&text.to_string(), Path::new("config")) else { continue };
        let name = names[choose(names.len())];
        let Ok(mut scheduler) = Scheduler::new(name, &config, 1 + choose(150)) else { continue };
        started += 1;
        let count = scheduler.timesteps().len();
        assert!(count <= 300, "{text}");
        let model = |input: &[f32], _| input.to_vec();
        let states = trajectory(&mut scheduler, 0..count, vec![0.5; 3], model, &mut |count| vec![0.1; count]);
        assert_eq!(states.len(), count + 1);
    }
    assert!(started > 1000, "too few configurations are good: {started}");
}
