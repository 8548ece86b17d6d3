use super::*;
use crate::convolution::{ConvolutionShape, convolution_with};
use crate::pack::Order;
use crate::upsample::{UpsampleWeights, upsample_convolution, upsample_convolution_with};
use crate::{Activation, Epilogue, upsample};

/// The numbers around one place of the result, `[taps][channels]`.
pub(super) fn around<E: Element>(x: &[E], shape: &ConvolutionShape, image: usize, row: usize, column: usize) -> Vec<E> {
    let mut numbers = Vec::new();
    for tap in 0..shape.kernel * shape.kernel {
        let place = |position: usize, tap: usize, (before, _): (usize, usize)| {
            (position * shape.stride + tap) as isize - before as isize
        };
        let y = place(row, tap / shape.kernel, shape.padding_rows);
        let x_place = place(column, tap % shape.kernel, shape.padding_columns);
        let inside = (0..shape.height as isize).contains(&y) && (0..shape.width as isize).contains(&x_place);
        for channel in 0..shape.channels {
            numbers.push(if inside {
                let pixel = (image * shape.height + y as usize) * shape.width + x_place as usize;
                x[pixel * shape.channels + channel]
            } else {
                E::from_f32(0.0)
            });
        }
    }
    numbers
}

fn run<E: Element>(arithmetic: Arithmetic, random: &mut Random, shape: ConvolutionShape, outputs: usize) {
    let ConvolutionShape { images, height, width, channels, kernel, .. } = shape;
    let taps = kernel * kernel;
    let (packed, numbers) =
        weights(random, PackedShape { arithmetic, outputs, taps, inputs: channels, order: Order::Plain });
    let x: Vec<E> = random.numbers(images * height * width * channels);
    let (rows, columns) = shape.output();
    let bias = random.yes().then(|| random.numbers::<f32>(images * outputs));
    let residual = random.yes().then(|| random.numbers::<E>(images * rows * columns * outputs));
    let epilogue = Epilogue { bias: bias.as_deref(), residual: residual.as_deref(), ..Epilogue::default() };
    each(
        |instructions| convolution_with(&x, &shape, &packed, &epilogue, instructions),
        |instructions, results| {
            assert_eq!(results.len(), images * rows * columns * outputs);
            for (index, &result) in results.iter().enumerate() {
                let (pixel, output) = (index / outputs, index % outputs);
                let (image, row, column) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
                let activations = around(&x, &shape, image, row, column);
                // From the checkpoint's order [output][channel][tap] to [tap][channel].
                let weights: Vec<f64> = (0..taps * channels)
                    .map(|place| numbers[(output * channels + place % channels) * taps + place / channels])
                    .collect();
                let (mut sum, bound) = dot(arithmetic, instructions, &activations, &weights);
                sum += bias.as_ref().map_or(0.0, |bias| f64::from(bias[image * outputs + output]));
                sum += residual.as_ref().map_or(0.0, |residual| f64::from(residual[index].to_f32()));
                assert_close(result, sum, bound, || format!("{instructions}, {arithmetic:?}, {shape:?}, {index}"));
            }
        },
    );
}

#[test]
fn random_shapes() {
    let mut random = Random::new(4);
    for _ in 0..shapes(150) {
        let shape = ConvolutionShape {
            images: random.between(1, 2),
            height: random.between(0, 9),
            width: random.between(0, 9),
            channels: random.between(1, 20),
            kernel: random.between(1, 3),
            stride: random.between(1, 2),
            padding_rows: (random.between(0, 1), random.between(0, 1)),
            padding_columns: (random.between(0, 1), random.between(0, 1)),
        };
        let outputs = random.between(1, 40);
        for arithmetic in Arithmetic::ALL {
            run::<f32>(arithmetic, &mut random, shape, outputs);
            run::<bf16>(arithmetic, &mut random, shape, outputs);
        }
    }
}

#[test]
fn more_channels_than_are_gathered_at_once() {
    let mut random = Random::new(5);
    let shape = ConvolutionShape {
        images: 1,
        height: 3,
        width: 4,
        channels: 301,
        kernel: 3,
        stride: 1,
        padding_rows: (1, 1),
        padding_columns: (1, 1),
    };
    for arithmetic in Arithmetic::ALL {
        run::<f32>(arithmetic, &mut random, shape, 5);
        run::<bf16>(arithmetic, &mut random, shape, 5);
    }
}

/// An upsampled image and a 3×3 convolution, one after the other.
fn upsample_run<E: Element>(arithmetic: Arithmetic, random: &mut Random) {
    let (images, height, width) = (random.between(1, 2), random.between(1, 7), random.between(1, 7));
    let (channels, outputs) = (random.between(1, 20), random.between(1, 40));
    let weights: Vec<f32> = random.numbers(outputs * channels * 9);
    let packed = UpsampleWeights::pack(arithmetic, channels, outputs, &weights);
    let bytes: Vec<u8> = packed.bytes().into_iter().flat_map(|bytes| bytes.to_vec()).collect();
    assert_eq!(bytes.len(), upsample::UpsampleWeights::size(arithmetic, channels, outputs));
    let packed =
        UpsampleWeights::from_bytes(arithmetic, channels, outputs, &bytes.into()).expect("the length is right");
    let x: Vec<E> = random.numbers(images * height * width * channels);
    let bias: Vec<f32> = random.numbers(outputs);
    let upsampled = upsampled(&x, [images, height, width, channels]);
    let shape = ConvolutionShape {
        images,
        height: 2 * height,
        width: 2 * width,
        channels,
        kernel: 3,
        stride: 1,
        padding_rows: (1, 1),
        padding_columns: (1, 1),
    };
    let size = [images, height, width, channels];
    // A band of rows gives the same as the whole does there.
    if images == 1 {
        let (first, last) = (random.between(0, height - 1), random.between(0, height - 1));
        let (first, last) = (first.min(last), first.max(last) + 1);
        let (before, after) = (first.saturating_sub(1), (last + 1).min(height));
        let band = &x[before * width * channels..after * width * channels];
        let edges = (first == 0, last == height);
        let band = upsample_convolution(
            band,
            [1, after - before, width, channels],
            &packed,
            (Some(&bias), Activation::None),
            edges,
        );
        let whole = upsample_convolution(&x, size, &packed, (Some(&bias), Activation::None), (true, true));
        let line = 2 * width * outputs;
        if arithmetic != Arithmetic::Int8 {
            let bits = |x: &[E]| x.iter().map(|x| x.to_f32().to_bits()).collect::<Vec<_>>();
            assert_eq!(
                bits(&band),
                bits(&whole[2 * first * line..2 * last * line]),
                "{arithmetic:?}, rows {first} to {last}"
            );
        }
    }
    each(
        |instructions| {
            upsample_convolution_with(&x, size, &packed, (Some(&bias), Activation::None), (true, true), instructions)
        },
        |instructions, results| {
            assert_eq!(results.len(), images * 4 * height * width * outputs);
            for (index, &result) in results.iter().enumerate() {
                let (pixel, output) = (index / outputs, index % outputs);
                let image = pixel / (4 * height * width);
                let (row, column) = (pixel / (2 * width) % (2 * height), pixel % (2 * width));
                let activations = around(&upsampled, &shape, image, row, column);
                let weights: Vec<f64> = (0..9 * channels)
                    .map(|place| f64::from(weights[(output * channels + place % channels) * 9 + place / channels]))
                    .collect();
                let (sum, _) = dot(Arithmetic::F32, instructions, &activations, &weights);
                let size: f64 =
                    activations.iter().zip(&weights).map(|(x, weight)| (f64::from(x.to_f32()) * weight).abs()).sum();
                // Sums of up to four weights are rounded once, and activations too.
                let bound = match arithmetic {
                    Arithmetic::F32 => 1e-6 * size,
                    Arithmetic::Bf16 => size / 100.0 + 0.01 * channels as f64,
                    Arithmetic::Int8 => 0.02 * (9 * channels) as f64,
                };
                assert_close(result, sum + f64::from(bias[output]), bound, || {
                    format!("{instructions}, {arithmetic:?}, {shape:?}, {index}")
                });
            }
        },
    );
}

#[test]
fn upsampling_first_gives_the_same() {
    let mut random = Random::new(6);
    for _ in 0..shapes(60) {
        for arithmetic in Arithmetic::ALL {
            upsample_run::<f32>(arithmetic, &mut random);
            upsample_run::<bf16>(arithmetic, &mut random);
        }
    }
}
