use super::*;
use crate::functions::silu;
use crate::norm::{GroupNormShape, group_norm_with, layer_norm_with};

const EPSILON: f64 = 1e-5;

fn group<E: Element>(random: &mut Random, shape: GroupNormShape, offset: f32) {
    let GroupNormShape { images, pixels, channels, groups } = shape;
    let x: Vec<E> = random.numbers::<f32>(images * pixels * channels).iter().map(|x| E::from_f32(x + offset)).collect();
    let (weight, bias) = (random.numbers::<f32>(channels), random.numbers::<f32>(channels));
    let with_silu = random.yes();
    each(
        |instructions| group_norm_with(&x, &shape, &weight, &bias, EPSILON, with_silu, instructions),
        |instructions, results| {
            assert_eq!(results.len(), x.len());
            for image in 0..images {
                for group in 0..groups {
                    let width = channels / groups;
                    let places: Vec<usize> = (0..pixels)
                        .flat_map(|pixel| {
                            let start = (image * pixels + pixel) * channels + group * width;
                            start..start + width
                        })
                        .collect();
                    let number = |place: usize| f64::from(x[place].to_f32());
                    let mean = places.iter().map(|&place| number(place)).sum::<f64>() / places.len() as f64;
                    let variance =
                        places.iter().map(|&place| (number(place) - mean).powi(2)).sum::<f64>() / places.len() as f64;
                    for &place in &places {
                        let normal = (number(place) - mean) / (variance + EPSILON).sqrt();
                        let channel = place % channels;
                        let scaled = normal * f64::from(weight[channel]) + f64::from(bias[channel]);
                        let expected = if with_silu { f64::from(silu(scaled as f32)) } else { scaled };
                        let bound = 2e-5 * (1.0 + f64::from(offset.abs()));
                        assert_close(results[place], expected, bound, || format!("{instructions}, {shape:?}, {place}"));
                    }
                }
            }
        },
    );
}

#[test]
fn group_norm_on_random_shapes() {
    let mut random = Random::new(9);
    for _ in 0..shapes(400) {
        let groups = random.between(1, 8);
        let shape = GroupNormShape {
            images: random.between(1, 2),
            pixels: random.between(0, 150),
            channels: groups * random.between(1, 9),
            groups,
        };
        let offset = random.choose(&[0.0, 0.0, 3.0, 100.0]);
        group::<f32>(&mut random, shape, offset);
        group::<bf16>(&mut random, shape, offset.min(3.0));
    }
}

fn layer<E: Element>(random: &mut Random, rows: usize, width: usize) {
    let x: Vec<E> = random.numbers(rows * width);
    let (weight, bias) = (random.numbers::<f32>(width), random.numbers::<f32>(width));
    each(
        |instructions| layer_norm_with(&x, &weight, &bias, EPSILON, instructions),
        |instructions, results| {
            for (place, &result) in results.iter().enumerate() {
                let row = &x[place / width * width..][..width];
                let mean = row.iter().map(|x| f64::from(x.to_f32())).sum::<f64>() / width as f64;
                let variance = row.iter().map(|x| (f64::from(x.to_f32()) - mean).powi(2)).sum::<f64>() / width as f64;
                let normal = (f64::from(x[place].to_f32()) - mean) / (variance + EPSILON).sqrt();
                let expected = normal * f64::from(weight[place % width]) + f64::from(bias[place % width]);
                assert_close(result, expected, 1e-5, || format!("{instructions}, {rows} rows of {width}, {place}"));
            }
        },
    );
}

#[test]
fn layer_norm_on_random_shapes() {
    let mut random = Random::new(10);
    for _ in 0..shapes(1000) {
        let (rows, width) = (random.between(0, 20), random.between(1, 200));
        layer::<f32>(&mut random, rows, width);
        layer::<bf16>(&mut random, rows, width);
    }
}

/// What a group norm does at once, in two steps.
#[test]
fn moments_and_coefficients_make_a_group_norm() {
    let mut random = Random::new(12);
    for _ in 0..100 {
        let groups = random.between(1, 8);
        let (pixels, channels) = (random.between(1, 150), groups * random.between(1, 9));
        let shape = GroupNormShape { images: 1, pixels, channels, groups };
        let x: Vec<f32> = random.numbers(pixels * channels);
        let (weight, bias) = (random.numbers::<f32>(channels), random.numbers::<f32>(channels));
        let whole = crate::group_norm(&x, &shape, &weight, &bias, EPSILON, true);
        let moments = crate::group_moments(&x, channels, groups);
        let scale: Vec<f32> = (0..channels)
            .map(|channel| {
                let [_, variance] = moments[channel / (channels / groups)];
                (f64::from(weight[channel]) / (variance + EPSILON).sqrt()) as f32
            })
            .collect();
        let shift: Vec<f32> = (0..channels)
            .map(|channel| {
                let [mean, variance] = moments[channel / (channels / groups)];
                let weight = f64::from(weight[channel]) / (variance + EPSILON).sqrt();
                (f64::from(bias[channel]) - mean * weight) as f32
            })
            .collect();
        assert_eq!(crate::scale_shift(&x, &scale, &shift, true), whole, "{shape:?}");
    }
}
