use super::convolution::around;
use super::*;
use crate::convolution::{ConvolutionShape, winograd_convolution_with};
use crate::pack::Order;
use crate::upsample::winograd_upsample_convolution_with;
use crate::winograd::Cached;
use crate::{Activation, Epilogue};

/// The matrices of F(2×2, 3×3) (Lavin & Gray 2016, section 4.1): `Bᵀ`, `G` and `Aᵀ`.
const PIXELS: [[f64; 4]; 4] =
    [[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, -1.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]];
const WEIGHTS: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
const RESULTS: [[f64; 4]; 2] = [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, -1.0, -1.0]];

/// `matrix` · `square` · `matrix`ᵀ of a square `[side][side]`.
fn both_ways<const N: usize>(matrix: &[[f64; N]], square: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut sums = Vec::new();
    for down in matrix {
        for across in matrix {
            let terms = (0..N * N).map(|place| down[place / N] * across[place % N] * square(place / N, place % N));
            sums.push(terms.sum());
        }
    }
    sums
}

/// How far a sum of pixels or of weights may be off, which is rounded with others of the same place between `least` and
/// `largest`: to f32, to bf16, or to bf16 and then to one of so many steps.
fn rounding(arithmetic: Arithmetic, number: f64, (least, largest): (f64, f64), steps: f64) -> f64 {
    match arithmetic {
        Arithmetic::F32 => 1e-6 * number.abs(),
        Arithmetic::Bf16 => number.abs() / 511.0,
        Arithmetic::Int8 => number.abs() / 511.0 + 0.51 * (largest - least) / steps,
    }
}

/// From the least to the largest of `numbers` and 0.
fn range(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((0.0, 0.0), |(least, largest), number| (number.min(least), number.max(largest)))
}

/// What a convolution of `x` with `weights` `[outputs][channels][9]` gives, from its definition, and how far it may be off
/// because both sides of every product are rounded, with activations of each of [`LARGEST_BYTES`].
fn expected<E: Element>(
    arithmetic: Arithmetic,
    x: &[E],
    shape: &ConvolutionShape,
    weights: &[f64],
    outputs: usize,
) -> Vec<(f64, [f64; 2])> {
    let channels = shape.channels;
    let (rows, columns) = shape.output();
    let kernels: Vec<_> =
        weights.chunks_exact(9).map(|kernel| both_ways(&WEIGHTS, |down, across| kernel[3 * down + across])).collect();
    let largest: Vec<_> = kernels
        .chunks_exact(channels)
        .map(|kernels| {
            let of_place = |place: usize| range(kernels.iter().map(|sums| sums[place].abs())).1;
            std::array::from_fn::<_, 16, _>(of_place)
        })
        .collect();
    let wide = ConvolutionShape { kernel: 4, ..*shape };
    let mut results = Vec::new();
    for pixel in 0..shape.images * rows * columns {
        let (image, row, column) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
        let near = around(x, shape, image, row, column);
        let square = around(x, &wide, image, row / 2 * 2, column / 2 * 2);
        let sums: Vec<_> = (0..channels)
            .map(|channel| {
                both_ways(&PIXELS, |down, across| f64::from(square[(4 * down + across) * channels + channel].to_f32()))
            })
            .collect();
        let ranges: [_; 16] = std::array::from_fn(|place| range(sums.iter().map(|sums| sums[place])));
        for output in 0..outputs {
            let (mut sum, mut bounds) = (0.0, [0.0; 2]);
            for channel in 0..channels {
                let kernel = output * channels + channel;
                for tap in 0..9 {
                    sum += f64::from(near[tap * channels + channel].to_f32()) * weights[kernel * 9 + tap];
                }
                for place in 0..16 {
                    let share = RESULTS[row % 2][place / 4] * RESULTS[column % 2][place % 4];
                    let (pixels, weights) = (sums[channel][place], kernels[kernel][place]);
                    let largest = largest[output][place];
                    let of_weights = rounding(arithmetic, weights, (-largest, largest), 254.0);
                    for (bound, steps) in bounds.iter_mut().zip(LARGEST_BYTES) {
                        let of_pixels = rounding(arithmetic, pixels, ranges[place], f64::from(steps));
                        let off = of_pixels * weights.abs() + of_weights * pixels.abs() + of_pixels * of_weights;
                        *bound += share.abs() * off;
                    }
                }
            }
            results.push((sum, bounds));
        }
    }
    results
}

/// The largest bytes of activations that there are.
const LARGEST_BYTES: [u8; 2] = [127, 255];

/// That of `bounds` which holds for `instructions`.
fn bound(bounds: [f64; 2], instructions: Instructions) -> f64 {
    bounds[usize::from(instructions.largest_byte() == LARGEST_BYTES[1])]
}

/// Caches for the sums of all weights, or of none, and then of the pixels of a few tiles.
fn cached(random: &mut Random) -> Cached {
    Cached { weights: random.choose(&[0, usize::MAX]), pixels: random.choose(&[0, 200_000, usize::MAX]) }
}

fn same(kernel: usize, [images, height, width, channels]: [usize; 4]) -> ConvolutionShape {
    let (padding_rows, padding_columns) = ((1, 1), (1, 1));
    ConvolutionShape { images, height, width, channels, kernel, stride: 1, padding_rows, padding_columns }
}

fn convolution<E: Element>(arithmetic: Arithmetic, random: &mut Random, shape: ConvolutionShape, outputs: usize) {
    let ConvolutionShape { images, height, width, channels, .. } = shape;
    let packed = PackedShape { arithmetic, outputs, taps: 9, inputs: channels, order: Order::Plain };
    let (packed, numbers) = weights(random, packed);
    let x: Vec<E> = random.numbers(images * height * width * channels);
    let results = shape.output().0 * shape.output().1 * images * outputs;
    let bias = random.yes().then(|| random.numbers::<f32>(images * outputs));
    let residual = random.yes().then(|| random.numbers::<E>(results));
    let epilogue = Epilogue { bias: bias.as_deref(), residual: residual.as_deref(), ..Epilogue::default() };
    let expected = expected(arithmetic, &x, &shape, &numbers, outputs);
    let cached = cached(random);
    each(
        |instructions| winograd_convolution_with(&x, &shape, &packed, &epilogue, cached, instructions),
        |instructions, found| {
            assert_eq!(found.len(), results);
            for (index, (&found, &(sum, bounds))) in found.iter().zip(&expected).enumerate() {
                let of_image = index / (results / images) * outputs;
                let bias = bias.as_ref().map_or(0.0, |bias| f64::from(bias[of_image + index % outputs]));
                let residual = residual.as_ref().map_or(0.0, |residual| f64::from(residual[index].to_f32()));
                assert_close(found, sum + bias + residual, bound(bounds, instructions), || {
                    format!("{instructions}, {arithmetic:?}, {shape:?}, {outputs} outputs, {index}")
                });
            }
        },
    );
}

#[test]
fn convolutions_with_fewer_products() {
    let mut random = Random::new(14);
    for _ in 0..12 {
        let shape = ConvolutionShape {
            padding_rows: (random.between(0, 1), random.between(0, 1)),
            padding_columns: (random.between(0, 1), random.between(0, 1)),
            ..same(3, [random.between(1, 2), random.between(2, 9), random.between(2, 9), 32 * random.between(1, 3)])
        };
        let outputs = random.between(1, 70);
        for arithmetic in Arithmetic::ALL {
            convolution::<f32>(arithmetic, &mut random, shape, outputs);
            convolution::<bf16>(arithmetic, &mut random, shape, outputs);
        }
    }
}

/// Blocks of several tiles, of rows that begin anywhere in an image.
#[test]
fn wide_and_high_images() {
    let mut random = Random::new(15);
    for (height, width) in [(3, 120), (41, 31)] {
        for arithmetic in Arithmetic::ALL.into_iter().cycle().take(6) {
            convolution::<bf16>(arithmetic, &mut random, same(3, [1, height, width, 32]), 33);
        }
    }
}

/// More channels than are multiplied at once.
#[test]
fn deep_images() {
    let mut random = Random::new(16);
    convolution::<f32>(Arithmetic::F32, &mut random, same(3, [1, 3, 4, 672]), 4);
    convolution::<bf16>(Arithmetic::Bf16, &mut random, same(3, [1, 3, 4, 1312]), 4);
    convolution::<bf16>(Arithmetic::Int8, &mut random, same(3, [1, 3, 4, 2592]), 4);
}

fn upsampling<E: Element>(arithmetic: Arithmetic, random: &mut Random) {
    let (images, height, width) = (random.between(1, 2), random.between(1, 7), random.between(1, 7));
    let (channels, outputs) = (32 * random.between(1, 2), random.between(1, 40));
    let packed = PackedShape { arithmetic, outputs, taps: 9, inputs: channels, order: Order::Plain };
    let (packed, numbers) = weights(random, packed);
    let x: Vec<E> = random.numbers(images * height * width * channels);
    let bias: Vec<f32> = random.numbers(outputs);
    let upsampled = upsampled(&x, [images, height, width, channels]);
    let shape = same(3, [images, 2 * height, 2 * width, channels]);
    let expected = expected(arithmetic, &upsampled, &shape, &numbers, outputs);
    let size = [images, height, width, channels];
    let epilogue = (Some(&bias[..]), Activation::None);
    let cached = cached(random);
    each(
        |instructions| {
            winograd_upsample_convolution_with(&x, size, &packed, epilogue, (true, true), cached, instructions)
        },
        |instructions, found| {
            assert_eq!(found.len(), expected.len());
            for (index, (&found, &(sum, bounds))) in found.iter().zip(&expected).enumerate() {
                assert_close(found, sum + f64::from(bias[index % outputs]), bound(bounds, instructions), || {
                    format!("{instructions}, {arithmetic:?}, {size:?}, {outputs} outputs, {index}")
                });
            }
            // A band of rows gives the same as the whole does there.
            if images == 1 {
                let (first, last) = (height / 3, height / 3 + 1);
                let (before, after) = (first.saturating_sub(1), (last + 1).min(height));
                let band = &x[before * width * channels..after * width * channels];
                let (size, edges) = ([1, after - before, width, channels], (first == 0, last == height));
                let band =
                    winograd_upsample_convolution_with(band, size, &packed, epilogue, edges, cached, instructions);
                let line = 2 * width * outputs;
                let bits = |x: &[E]| x.iter().map(|x| x.to_f32().to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&band), bits(&found[2 * first * line..2 * last * line]), "{instructions}, {size:?}");
            }
        },
    );
}

#[test]
fn upsampling_with_fewer_products() {
    let mut random = Random::new(17);
    for _ in 0..12 {
        for arithmetic in Arithmetic::ALL {
            upsampling::<f32>(arithmetic, &mut random);
            upsampling::<bf16>(arithmetic, &mut random);
        }
    }
}

/// Weights in bf16 whose sums may have 8 bits are as exact as those, if there are enough channels.
#[test]
fn sums_of_weights_in_bf16_are_rounded_to_8_bits() {
    let mut random = Random::new(18);
    let (shape, outputs) = (same(3, [1, 4, 6, 256]), 40);
    let packed = PackedShape { arithmetic: Arithmetic::Bf16, outputs, taps: 9, inputs: 256, order: Order::Plain };
    let (packed, numbers) = weights(&mut random, packed);
    let packed = packed.summed_in_8_bits();
    let x: Vec<bf16> = random.numbers(4 * 6 * 256);
    let expected = expected(Arithmetic::Int8, &x, &shape, &numbers, outputs);
    let cached = cached(&mut random);
    each(
        |instructions| winograd_convolution_with(&x, &shape, &packed, &Epilogue::default(), cached, instructions),
        |instructions, found| {
            let mut errors = 0;
            for (index, (&found, &(sum, bounds))) in found.iter().zip(&expected).enumerate() {
                assert_close(found, sum, bound(bounds, instructions), || format!("{instructions}, {index}"));
                errors += usize::from((f64::from(found.to_f32()) - sum).abs() > 0.01);
            }
            assert!(errors > expected.len() / 2, "{instructions}: sums were not rounded to 8 bits");
        },
    );
}
