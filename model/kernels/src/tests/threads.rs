use super::*;
use crate::{
    AttentionShape, ConvolutionShape, Epilogue, GroupNormShape, Order, attention, convolution, group_norm, layer_norm,
    linear,
};

/// Every operation's results, to the bit.
fn everything<E: Element>(arithmetic: Arithmetic) -> Vec<Vec<u32>> {
    let mut random = Random::new(11);
    let bits = |numbers: Vec<E>| numbers.into_iter().map(|number| number.to_f32().to_bits()).collect();
    let x: Vec<E> = random.numbers(40 * 33 * 70);
    let (packed, _) = weights(&mut random, PackedShape::linear(arithmetic, 70, 150));
    let (around, _) =
        weights(&mut random, PackedShape { arithmetic, outputs: 50, taps: 9, inputs: 70, order: Order::Plain });
    let shape = ConvolutionShape {
        images: 1,
        height: 40,
        width: 33,
        channels: 70,
        kernel: 3,
        stride: 1,
        padding_rows: (1, 1),
        padding_columns: (1, 1),
    };
    let heads = AttentionShape { batch: 1, queries: 40 * 33, keys: 40 * 33, heads: 2, width: 35, is_causal: false };
    let groups = GroupNormShape { images: 1, pixels: 40 * 33, channels: 70, groups: 10 };
    let (weight, bias) = (random.numbers::<f32>(70), random.numbers::<f32>(70));
    vec![
        bits(linear(&x, &packed, &Epilogue::default())),
        bits(linear(&x[..70 * 5], &packed, &Epilogue::default())),
        bits(convolution(&x, &shape, &around, &Epilogue::default())),
        bits(attention(&x, &x, &x, &heads, arithmetic)),
        bits(group_norm(&x, &groups, &weight, &bias, 1e-5, true)),
        bits(layer_norm(&x, &weight, &bias, 1e-5)),
    ]
}

fn run<E: Element>(arithmetic: Arithmetic) {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        pool.install(|| everything::<E>(arithmetic))
    };
    let alone = with(1);
    for threads in [2, 3, 7, 16] {
        assert_eq!(with(threads), alone, "{arithmetic:?} with {threads} threads");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for_every_format!(run);
}
