use super::*;
use crate::convolution::{ConvolutionShape, convolution_with};
use crate::pack::Order;
use crate::stacked::stacked_convolution_with;
use crate::{Activation, Epilogue};

fn run<E: Element>(arithmetic: Arithmetic, random: &mut Random, channels: &[usize]) {
    let size = [random.between(1, 2), random.between(1, 9), random.between(1, 9)];
    let outputs = random.between(1, 70);
    run_sized::<E>(arithmetic, random, channels, size, outputs);
}

fn run_sized<E: Element>(
    arithmetic: Arithmetic,
    random: &mut Random,
    channels: &[usize],
    [images, height, width]: [usize; 3],
    outputs: usize,
) {
    let inputs = channels.iter().sum();
    let pixels = images * height * width;
    let (packed, _) = weights(random, PackedShape { arithmetic, outputs, taps: 9, inputs, order: Order::Plain });
    let xs: Vec<Vec<E>> = channels.iter().map(|channels| random.numbers(pixels * channels)).collect();
    let xs: Vec<_> = xs.iter().map(Vec::as_slice).collect();
    let of_pixel = |pixel: usize| {
        xs.iter().zip(channels).flat_map(move |(x, &channels)| x[pixel * channels..][..channels].to_vec())
    };
    let joined: Vec<E> = (0..pixels).flat_map(of_pixel).collect();
    let bias: Vec<f32> = random.numbers(outputs);
    let residual = random.yes().then(|| random.numbers::<E>(pixels * outputs));
    let activation = random.choose(&[Activation::None, Activation::LeakyRelu]);
    let epilogue = Epilogue { bias: Some(&bias), activation, residual: residual.as_deref() };
    let (kernel, stride, padding_rows, padding_columns) = (3, 1, (1, 1), (1, 1));
    let shape =
        ConvolutionShape { images, height, width, channels: inputs, kernel, stride, padding_rows, padding_columns };
    each(
        |instructions| {
            let stacked = stacked_convolution_with(&xs, [images, height, width], &packed, &epilogue, instructions);
            (stacked, convolution_with(&joined, &shape, &packed, &epilogue, instructions))
        },
        |instructions, (stacked, whole)| {
            let numbers = |found: Vec<E>| found.into_iter().map(E::to_f32).collect::<Vec<_>>();
            assert_eq!(numbers(stacked), numbers(whole), "{instructions}, {arithmetic:?}, {channels:?}");
        },
    );
}

#[test]
fn a_stack_is_convolved_as_what_it_would_be_in_one() {
    let mut random = Random::new(18);
    for arithmetic in Arithmetic::ALL {
        for channels in [&[4][..], &[64, 32], &[64, 32, 32, 32, 32], &[12, 4, 20], &[3, 5], &[1], &[8, 6, 4]] {
            for _ in 0..3 {
                run::<f32>(arithmetic, &mut random, channels);
                run::<bf16>(arithmetic, &mut random, channels);
            }
        }
        // Large enough for fewer products.
        run_sized::<f32>(arithmetic, &mut random, &[64, 32, 32], [1, 17, 16], 64);
        run_sized::<bf16>(arithmetic, &mut random, &[64, 32, 32, 32], [2, 11, 13], 32);
    }
}

#[test]
fn a_leaky_rectifier_lets_a_fifth_of_what_is_below_zero_through() {
    let shape = PackedShape { arithmetic: Arithmetic::F32, outputs: 1, taps: 9, inputs: 1, order: Order::Plain };
    let mut middle = [0.0; 9];
    middle[4] = 1.0;
    let packed = Packed::pack(shape, &middle);
    let epilogue = Epilogue { activation: Activation::LeakyRelu, ..Epilogue::default() };
    for instructions in Instructions::available() {
        let found =
            stacked_convolution_with(&[&[-2.0_f32, 0.0, 3.0, f32::NAN]], [4, 1, 1], &packed, &epilogue, instructions);
        assert_eq!(found[..3], [-0.4, 0.0, 3.0]);
        assert!(found[3].is_nan());
    }
}
