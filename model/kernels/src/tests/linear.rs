use super::*;
use crate::functions::{gelu, leaky_relu, quick_gelu, silu};
use crate::linear::linear_with;
use crate::pack::Order;
use crate::{Activation, Epilogue};

fn run<E: Element>(arithmetic: Arithmetic, random: &mut Random, rows: usize, inputs: usize, outputs: usize) {
    let activation = random.choose(&[
        Activation::None,
        Activation::None,
        Activation::Silu,
        Activation::Gelu,
        Activation::QuickGelu,
        Activation::LeakyRelu,
        Activation::GatedGelu,
    ]);
    let is_gated = activation == Activation::GatedGelu;
    let (outputs, order) = if is_gated { (2 * outputs, Order::Gated) } else { (outputs, Order::Plain) };
    let shape = PackedShape { order, ..PackedShape::linear(arithmetic, inputs, outputs) };
    let (packed, numbers) = weights(random, shape);
    let x: Vec<E> = random.numbers(rows * inputs);
    let images = if rows.is_multiple_of(2) && random.yes() { 2 } else { 1 };
    let bias = random.yes().then(|| random.numbers::<f32>(images * outputs));
    let residual = random.yes().then(|| random.numbers::<E>(rows * shape.results()));
    let epilogue = Epilogue { bias: bias.as_deref(), activation, residual: residual.as_deref() };
    each(
        |instructions| linear_with(&x, &packed, &epilogue, instructions),
        |instructions, results| {
            assert_eq!(results.len(), rows * shape.results());
            for (index, &result) in results.iter().enumerate() {
                let (row, column) = (index / shape.results(), index % shape.results());
                let output = |column: usize| {
                    let (x, weights) = (&x[row * inputs..][..inputs], &numbers[column * inputs..][..inputs]);
                    let (sum, bound) = dot(arithmetic, instructions, x, weights);
                    let image = row / (rows / images);
                    (sum + bias.as_ref().map_or(0.0, |bias| f64::from(bias[image * outputs + column])), bound)
                };
                let (sum, bound) = output(column);
                let of = |function: fn(f32) -> f32| f64::from(function(sum as f32));
                let (value, bound) = match activation {
                    Activation::None => (sum, bound),
                    // The slopes of these stay below 1.13.
                    Activation::Silu => (of(silu), 1.13 * bound),
                    Activation::Gelu => (of(gelu), 1.13 * bound),
                    Activation::QuickGelu => (of(quick_gelu), 1.13 * bound),
                    Activation::LeakyRelu => (of(leaky_relu), bound),
                    Activation::GatedGelu => {
                        let (gate, gate_bound) = output(column + outputs / 2);
                        let gate = f64::from(gelu(gate as f32));
                        (sum * gate, bound * (gate.abs() + 1.13 * gate_bound) + sum.abs() * 1.13 * gate_bound)
                    }
                };
                let residual = residual.as_ref().map_or(0.0, |residual| f64::from(residual[index].to_f32()));
                assert_close(result, value + residual, bound, || {
                    format!("{instructions}, {activation:?}, {rows} rows of {shape:?}, row {row}, column {column}")
                });
            }
        },
    );
}

#[test]
fn random_shapes() {
    let mut random = Random::new(1);
    for _ in 0..shapes(400) {
        let (rows, inputs, outputs) = (random.between(0, 40), random.between(1, 90), random.between(0, 90));
        for arithmetic in Arithmetic::ALL {
            run::<f32>(arithmetic, &mut random, rows, inputs, outputs);
            run::<bf16>(arithmetic, &mut random, rows, inputs, outputs);
        }
    }
}

#[test]
fn extreme_shapes() {
    let mut random = Random::new(2);
    for (rows, inputs, outputs) in
        // The last two are few rows for many outputs, as of texts.
        [
            (1, 1, 1),
            (1, 3000, 1),
            (1, 7, 3000),
            (700, 5, 3),
            (13, 1281, 33),
            (25, 2600, 65),
            (0, 5, 5),
            (77, 1281, 290),
            (13, 40, 600),
        ]
    {
        for arithmetic in Arithmetic::ALL {
            run::<f32>(arithmetic, &mut random, rows, inputs, outputs);
            run::<bf16>(arithmetic, &mut random, rows, inputs, outputs);
        }
    }
}

#[test]
fn what_is_not_a_number_reaches_the_result() {
    let mut random = Random::new(3);
    for arithmetic in Arithmetic::ALL {
        let (packed, _) = weights(&mut random, PackedShape::linear(arithmetic, 40, 40));
        for strange in [f32::NAN, f32::INFINITY] {
            let mut x: Vec<f32> = random.numbers(3 * 40);
            x[45] = strange;
            each(
                |instructions| linear_with(&x, &packed, &Epilogue::default(), instructions),
                |_, results| {
                    assert!(results[..40].iter().chain(&results[80..]).all(|number| number.is_finite()));
                    assert!(results[40..80].iter().all(|number| !number.is_finite()), "{arithmetic:?}, {strange}");
                },
            );
        }
    }
}
