//! What the whole way of a masked image promises: previews, zero terminal SNR, other sizes, and time.

use easel_model::{DevicePreference, Generation, Model, ModelOptions, Request, ResolvedSettings};

use super::{half, small};
use crate::common::{copy, demo, demo_model};

#[test]
fn without_pasting_the_rest_shows_what_the_vae_loses() {
    let model = demo_model(DevicePreference::Flex, None);
    let (init, mask) = half();
    let draw = |mask_paste| {
        let settings = ResolvedSettings { mask_paste, ..small("a red heart on a green background") };
        let request = Request { init_image: Some(init.clone()), mask: Some(mask.clone()), ..settings.into() };
        let mut run = model.start_traced(request).expect("the run starts");
        run.advance().expect("the step is done");
        let preview = run.preview(0).expect("there is a first image");
        assert_eq!(preview.dimensions(), (9, 8));
        let image = run.finish().expect("it ends well").remove(0);
        check_held(&run);
        image
    };
    let (pasted, plain) = (draw(true), draw(false));
    let left = |x: u32, y: u32| (plain.get_pixel(x, y).0, init.get_pixel(x, y).0, pasted.get_pixel(x, y).0);
    let places: Vec<_> = (0..24).flat_map(|x| (0..64).map(move |y| (x, y))).map(|(x, y)| left(x, y)).collect();
    assert!(places.iter().all(|(_, init, pasted)| init == pasted));
    assert!(places.iter().any(|(plain, init, _)| plain != init));
    // Where the mask is white there is nothing of the original.
    assert!((48..72).all(|x| pasted.get_pixel(x, 30) == plain.get_pixel(x, 30)));
}

#[test]
fn a_schedule_without_signal_at_its_end_is_no_matter() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    copy(&demo("base"), folder.path());
    let config = folder.path().join("scheduler/scheduler_config.json");
    let mut scheduler: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&config).expect("there")).expect("well formed");
    scheduler["rescale_betas_zero_snr"] = true.into();
    scheduler["timestep_spacing"] = "trailing".into();
    scheduler["prediction_type"] = "v_prediction".into();
    std::fs::write(&config, scheduler.to_string()).expect("written");
    let choice = demo_model(DevicePreference::Flex, None).device().clone();
    let model = Model::open(folder.path(), &ModelOptions::default(), &choice).expect("it opens");
    let (init, mask) = half();
    for (scheduler, strength) in [("euler", 1.0), ("ddim", 1.0), ("euler", 0.7), ("unipc", 0.7)] {
        let settings = ResolvedSettings {
            strength,
            scheduler: Some(scheduler.parse().expect("a scheduler")),
            high_noise_frac: 1.0,
            use_refiner: false,
            ..small("a red heart on a green background")
        };
        let request = Request { init_image: Some(init.clone()), mask: Some(mask.clone()), ..settings.into() };
        let mut run = model.start_traced(request).expect("the run starts");
        let image = run.finish().expect("it ends well").remove(0);
        assert!((0..24).all(|x| image.get_pixel(x, 3) == init.get_pixel(x, 3)), "{scheduler} {strength}");
        check_held(&run);
    }
}

/// The latents outside the mask end as the init image's.
fn check_held(run: &Generation) {
    let of = |name: &str| run.trace().and_then(|trace| trace.numbers(name)).expect("traced");
    let (amounts, known, last) = (of("mask_latents"), of("init_latents"), of("final_latents"));
    let held = amounts.iter().cycle().zip(known.iter().zip(&last)).filter(|(amount, _)| **amount == 0.0);
    assert!(held.clone().count() > 100);
    assert!(held.into_iter().all(|(_, (known, last))| known == last));
}

/// Prints what a step takes with a mask and without; a mask costs no evaluation.
#[test]
#[ignore = "measures time"]
fn a_mask_takes_no_time() {
    let model = demo_model(DevicePreference::Flex, None);
    let init = image::RgbImage::from_pixel(512, 512, image::Rgb([90, 20, 130]));
    let mask = image::GrayImage::from_fn(512, 512, |x, _| image::Luma([if x > 255 { 255 } else { 0 }]));
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..6 {
        for (masked, times) in times.iter_mut().enumerate() {
            let settings = ResolvedSettings {
                steps: 8,
                use_refiner: false,
                high_noise_frac: 1.0,
                ..small("a red heart on a green background")
            };
            let mask = (masked == 1).then(|| easel_model::Mask { image: mask.clone() });
            let mut run =
                model.start(Request { init_image: Some(init.clone()), mask, ..settings.into() }).expect("it starts");
            while run.advance().expect("the step is done").is_some() {}
            if round > 0 {
                times.push(run.timings()["base"] / run.total() as f64);
            }
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let [plain, masked] = times.each_mut().map(median);
    println!(
        "a step takes {:.1} ms, with a mask {:.1} ms, {:.3} times as long",
        plain * 1e3,
        masked * 1e3,
        masked / plain
    );
}
