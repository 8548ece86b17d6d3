//! Times products under every set of instructions that this processor has, as a table of Markdown:
//!
//!     cargo run --release --package easel-kernels --example instruction_sets
//!
//! Rates are of all threads: of tiles whose numbers are in the first cache, and of a linear layer with its quantization.

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use easel_kernels::{Arithmetic, Element, Epilogue, Instructions, Packed, PackedShape, linear, peak};
use half::bf16;

/// Rows, inputs and outputs of the linear layer, one of SDXL's at 1024×1024.
const LAYER: [usize; 3] = [1024, 1280, 1280];
/// How often every set has its turn; the best one counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("one") {
        for arithmetic in Arithmetic::ALL {
            let rate = match arithmetic {
                Arithmetic::F32 => layer::<f32>(arithmetic),
                Arithmetic::Bf16 | Arithmetic::Int8 => layer::<bf16>(arithmetic),
            };
            println!("{} {rate}", peak(arithmetic, Duration::from_millis(20)));
        }
        return Ok(());
    }
    let sets: Vec<_> = Instructions::available().collect();
    let mut best = vec![[[0.0_f64; 2]; 3]; sets.len()];
    for _ in 0..ROUNDS {
        for (set, best) in sets.iter().zip(&mut best) {
            let program = std::env::current_exe()?;
            let output = Command::new(program).arg("one").env("EASEL_INSTRUCTIONS", set.name()).output()?;
            for (line, best) in String::from_utf8(output.stdout)?.lines().zip(best) {
                for (rate, best) in line.split(' ').zip(best) {
                    *best = best.max(rate.parse()?);
                }
            }
        }
    }
    println!("| instructions | arithmetic | tiles, Gop/s | of its f32 | linear layer, Gop/s | of its f32 |");
    println!("| --- | --- | ---: | ---: | ---: | ---: |");
    for (set, rates) in sets.iter().zip(best) {
        for (arithmetic, [tiles, layer]) in Arithmetic::ALL.iter().zip(rates) {
            let [ours, all] = rates[0];
            let (tile_ratio, layer_ratio) = (tiles / ours, layer / all);
            let (tiles, layer) = (tiles / 1e9, layer / 1e9);
            println!(
                "| {} | {} | {tiles:.0} | {tile_ratio:.2} | {layer:.0} | {layer_ratio:.2} |",
                set.name(),
                arithmetic.name()
            );
        }
    }
    Ok(())
}

/// Operations a second of the linear layer, the best of several.
fn layer<E: Element>(arithmetic: Arithmetic) -> f64 {
    let [rows, inputs, outputs] = LAYER;
    let numbers = |count: usize| (0..count).map(|index| E::from_f32((index * 37 % 255) as f32 / 127.0 - 1.0));
    let x: Vec<E> = numbers(rows * inputs).collect();
    let weights: Vec<E> = numbers(outputs * inputs).collect();
    let packed = Packed::pack(PackedShape::linear(arithmetic, inputs, outputs), &weights);
    let began = Instant::now();
    let mut best = Duration::MAX;
    while began.elapsed() < Duration::from_millis(300) || best == Duration::MAX {
        let began = Instant::now();
        std::hint::black_box(linear(&x, &packed, &Epilogue::default()));
        best = best.min(began.elapsed());
    }
    (2 * rows * inputs * outputs) as f64 / best.as_secs_f64()
}
