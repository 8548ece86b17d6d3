//! The noise generator against the numbers of `torch.randn` (`reference/rng.json`, written by `make_rng.py`).

use easel_model::Error;
use easel_model::{NoiseGenerator, NoiseState};
use serde::Deserialize;

#[derive(Deserialize)]
struct NoiseCase {
    seed: u64,
    shape: Vec<usize>,
    draw_1: Draw,
    draw_2: Draw,
}

#[derive(Deserialize)]
struct Draw {
    first: Vec<f32>,
    last: Vec<f32>,
    sum: f64,
    sum_squares: f64,
}

fn cases() -> Vec<NoiseCase> {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/rng.json"));
    serde_json::from_str(text).expect("rng.json holds the cases")
}

fn check(values: &[f32], draw: &Draw, case: &str) {
    let tail = &values[values.len() - draw.last.len()..];
    for (value, expected) in values.iter().zip(&draw.first).chain(tail.iter().zip(&draw.last)) {
        assert!((value - expected).abs() < 1e-5, "{case}: {value} is not {expected}");
    }
    // Every element counts in the sums, each with an error below 1e-6.
    let bound = 1e-6 * values.len() as f64;
    let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
    let sum_squares: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
    assert!((sum - draw.sum).abs() < bound, "{case}: the sum {sum} is not {}", draw.sum);
    assert!((sum_squares - draw.sum_squares).abs() < bound, "{case}: the squares sum to {sum_squares}");
}

#[test]
fn numbers_are_those_of_torch() {
    let cases = cases();
    assert_eq!(cases.len(), 30);
    for case in cases {
        let name = format!("seed {} shape {:?}", case.seed, case.shape);
        let count = case.shape.iter().product();
        let mut generator = NoiseGenerator::new(case.seed);
        check(&generator.normal(count), &case.draw_1, &format!("{name}, first draw"));
        check(&generator.normal(count), &case.draw_2, &format!("{name}, second draw"));
    }
}

#[test]
fn resuming_after_any_draw_equals_an_unbroken_run() {
    // Odd small counts leave a spare number behind, which a large draw must not touch.
    let counts = [3, 16, 1, 40, 0, 5, 1024, 15, 17, 2, 7];
    let seed = 0x1234_5678_9abc_def0;
    let mut unbroken = NoiseGenerator::new(seed);
    let expected: Vec<Vec<f32>> = counts.iter().map(|count| unbroken.normal(*count)).collect();
    for cut in 0..=counts.len() {
        let mut before = NoiseGenerator::new(seed);
        counts[..cut].iter().for_each(|count| drop(before.normal(*count)));
        let saved = serde_json::to_string(&before.state()).expect("a position is plain numbers");
        let state: NoiseState = serde_json::from_str(&saved).expect("a saved position reads back");
        let mut after = NoiseGenerator::resume(seed, state).expect("the position is one of a run");
        for (count, values) in counts[cut..].iter().zip(&expected[cut..]) {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&after.normal(*count)), bits(values), "cut after {cut} draws");
        }
        assert_eq!(after.state(), unbroken.state());
    }
}

#[test]
fn only_the_lower_half_of_a_seed_counts() {
    let seed = 0xdead_beef;
    assert_eq!(NoiseGenerator::new(seed).normal(64), NoiseGenerator::new(seed | 7 << 32).normal(64));
    assert_ne!(NoiseGenerator::new(seed).normal(64), NoiseGenerator::new(seed + 1).normal(64));
}

#[test]
fn hostile_positions_are_refused_at_once() {
    let spare = |value: f64| NoiseState { words: 4, spare: Some(value.to_bits()) };
    for state in [
        NoiseState { words: u64::MAX, spare: None },
        spare(f64::NAN),
        spare(f64::INFINITY),
        spare(f64::MAX),
        spare(-9.5),
    ] {
        assert!(matches!(NoiseGenerator::resume(1, state), Err(Error::Checkpoint(_))), "{state:?}");
    }
}
