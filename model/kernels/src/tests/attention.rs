use super::*;
use crate::attention::{AttentionShape, attention_with};

fn run<E: Element>(arithmetic: Arithmetic, random: &mut Random, shape: AttentionShape) {
    let AttentionShape { batch, queries, keys, heads, width, is_causal } = shape;
    let channels = heads * width;
    // 8 bits are too few for queries and keys of which each is far from the others.
    let spread = if arithmetic == Arithmetic::Int8 { 1.0 } else { random.choose(&[1.0, 8.0]) };
    let mut numbers = |rows: usize| -> Vec<E> {
        random.numbers::<E>(batch * rows * channels).iter().map(|x| E::from_f32(x.to_f32() * spread)).collect()
    };
    let (query, key, value) = (numbers(queries), numbers(keys), numbers(keys));
    // Products see what their format keeps of the numbers.
    let seen = |number: E| match arithmetic {
        Arithmetic::F32 => f64::from(number.to_f32()),
        _ => f64::from(<bf16 as Element>::from_f32(number.to_f32()).to_f32()),
    };
    each(
        |instructions| attention_with(&query, &key, &value, &shape, arithmetic, instructions),
        |instructions, results| {
            assert_eq!(results.len(), query.len());
            for row in 0..batch * queries * heads {
                let (sequence, place, head) = (row / (queries * heads), row / heads % queries, row % heads);
                let of = |numbers: &[E], rows: usize, place: usize| -> Vec<f64> {
                    let start = (sequence * rows + place) * channels + head * width;
                    numbers[start..start + width].iter().map(|&number| seen(number)).collect()
                };
                let query = of(&query, queries, place);
                let count = if is_causal { keys.min(place + 1) } else { keys };
                let scores: Vec<f64> = (0..count)
                    .map(|place| {
                        let product: f64 =
                            of(&key, keys, place).iter().zip(&query).map(|(key, query)| key * query).sum();
                        product / (width as f64).sqrt()
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
                let sum: f64 = weights.iter().sum();
                let values: Vec<Vec<f64>> = (0..count).map(|place| of(&value, keys, place)).collect();
                for column in 0..width {
                    let expected: f64 =
                        weights.iter().zip(&values).map(|(weight, value)| weight * value[column]).sum::<f64>()
                            / sum.max(1e-300);
                    // Weights are rounded to the products' format; scores carry the rounding of their sums.
                    let bound = match arithmetic {
                        Arithmetic::F32 => 3e-5,
                        Arithmetic::Bf16 => 6e-3,
                        Arithmetic::Int8 => 6e-3 + error_of_scores(width, instructions),
                    };
                    let bound = f64::from(spread) * bound;
                    assert_close(results[row * width + column], expected, bound, || {
                        format!("{instructions}, {arithmetic:?}, {shape:?}, row {row}, column {column}")
                    });
                }
            }
        },
    );
}

/// How much the result may change, in numbers of up to 1, because queries and keys of so many numbers of up to 1 have 8 bits: a
/// score by this much each way, and a mean of values by twice that.
fn error_of_scores(width: usize, instructions: Instructions) -> f64 {
    // Half a unit of a query with keys of up to 2 (less their mean), and of a key (of 127 in 2) with queries.
    let of_query = 0.5 * 2.0 / f64::from(instructions.largest_byte());
    let error = width as f64 * (of_query * 2.0 + 0.5 * 2.0 / 127.0 * 1.0);
    let of_score = error / (width as f64).sqrt();
    2.0 * (of_score.exp() - 1.0)
}

/// As close as [`error_of_scores`] is to the worst, most results are far closer.
#[test]
fn eight_bits_change_results_by_a_hundredth() {
    let mut random = Random::new(9);
    let shape = AttentionShape { batch: 1, queries: 200, keys: 600, heads: 2, width: 64, is_causal: false };
    let channels = 128;
    // Keys lie around a common one, as those of trained models do.
    let common: Vec<f32> = random.numbers::<f32>(channels).iter().map(|number| 8.0 * number).collect();
    let query: Vec<f32> = random.numbers::<f32>(200 * channels).iter().map(|number| 3.0 * number).collect();
    let key: Vec<f32> = random.numbers(600 * channels);
    let key: Vec<f32> = key.iter().enumerate().map(|(index, key)| key + common[index % channels]).collect();
    let value: Vec<f32> = random.numbers(600 * channels);
    let exact = attention_with(&query, &key, &value, &shape, Arithmetic::F32, Instructions::Plain);
    let size = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let error = |arithmetic, instructions| {
        let found = attention_with(&query, &key, &value, &shape, arithmetic, instructions);
        size(&mut exact.iter().zip(&found).map(|(exact, found)| exact - found)) / size(&mut exact.iter().copied())
    };
    for instructions in Instructions::available() {
        let (bf16, int8) = (error(Arithmetic::Bf16, instructions), error(Arithmetic::Int8, instructions));
        assert!(int8 < 0.02 && int8 < 2.0 * bf16 + 0.01, "{instructions}: {int8} in int8, {bf16} in bf16");
    }
}

#[test]
fn what_is_not_a_number_reaches_the_result_of_its_head() {
    let mut random = Random::new(10);
    let shape = AttentionShape { batch: 1, queries: 15, keys: 40, heads: 2, width: 8, is_causal: false };
    let numbers = random.numbers::<f32>(40 * 16);
    let mut strange = numbers.clone();
    strange[3 * 16 + 2] = f32::NAN;
    for arithmetic in Arithmetic::ALL {
        each(
            |instructions| attention_with(&numbers[..15 * 16], &strange, &numbers, &shape, arithmetic, instructions),
            |_, results| {
                for heads in results.chunks(16) {
                    assert!(heads[..8].iter().all(|number| number.is_nan()), "{arithmetic:?}");
                    assert!(heads[8..].iter().all(|number| number.is_finite()), "{arithmetic:?}");
                }
            },
        );
        // Queries of zeros see all keys alike, also those before them only.
        let shape = AttentionShape { is_causal: true, queries: 40, ..shape };
        let zeros = [0.0_f32; 40 * 16];
        each(
            |instructions| attention_with(&zeros, &numbers, &numbers, &shape, arithmetic, instructions),
            |_, results| {
                let mean = (0..40).map(|row| numbers[row * 16]).sum::<f32>() / 40.0;
                assert!((results[39 * 16] - mean).abs() < 6e-3 && results.iter().all(|number| number.is_finite()));
            },
        );
    }
}

#[test]
fn random_shapes() {
    let mut random = Random::new(7);
    for _ in 0..shapes(150) {
        let (queries, keys) = (random.between(0, 30), random.between(0, 60));
        let shape = AttentionShape {
            batch: random.between(1, 2),
            queries,
            keys,
            heads: random.between(1, 3),
            width: random.between(1, 80),
            is_causal: random.yes(),
        };
        for arithmetic in Arithmetic::ALL {
            run::<f32>(arithmetic, &mut random, shape);
            run::<bf16>(arithmetic, &mut random, shape);
        }
    }
}

#[test]
fn several_blocks_of_keys_and_wide_heads() {
    let mut random = Random::new(8);
    for (queries, keys, width, is_causal) in
        [(110, 1100, 8, false), (1100, 1100, 3, true), (5, 513, 64, false), (14, 20, 512, false), (3, 1025, 129, false)]
    {
        let shape = AttentionShape { batch: 1, queries, keys, heads: 1, width, is_causal };
        for arithmetic in Arithmetic::ALL {
            run::<f32>(arithmetic, &mut random, shape);
            run::<bf16>(arithmetic, &mut random, shape);
        }
    }
}
