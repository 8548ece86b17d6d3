use super::*;
use crate::attention::{AttentionShape, attention_with};

fn run<E: Element>(arithmetic: Arithmetic, random: &mut Random, shape: AttentionShape) {
    let AttentionShape { batch, queries, keys, heads, width, is_causal } = shape;
    let channels = heads * width;
    let spread = random.choose(&[1.0, 8.0]);
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
                    let bound = f64::from(spread) * if arithmetic == Arithmetic::F32 { 3e-5 } else { 6e-3 };
                    assert_close(results[row * width + column], expected, bound, || {
                        format!("{instructions}, {arithmetic:?}, {shape:?}, row {row}, column {column}")
                    });
                }
            }
        },
    );
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
        for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
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
        for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
            run::<f32>(arithmetic, &mut random, shape);
            run::<bf16>(arithmetic, &mut random, shape);
        }
    }
}
