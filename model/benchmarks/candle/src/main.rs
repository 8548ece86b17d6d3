//! Measures candle's single operations: `candle-peer PRECISION OPERATION-AS-JSON …`. Prints one JSON object.

use std::time::Instant;

use candle_core::{DType, Device, Module, Result, Tensor};
use candle_nn::attention::AttnMask;
use candle_nn::attention::cpu_flash::flash_attn;
use candle_nn::{Conv2d, Conv2dConfig, GroupNorm, Linear, ops};
use serde_json::{Value, json};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dtype = match arguments.next().as_deref() {
        Some("f32") => DType::F32,
        Some("bf16") => DType::BF16,
        Some("f16") => DType::F16,
        other => panic!("no precision is called {other:?}"),
    };
    let operations: Vec<Value> = arguments
        .map(|text| {
            let operation: Value = serde_json::from_str(&text).expect("an operation is a JSON object");
            let name = &operation["name"];
            match fastest(&operation, dtype) {
                Ok((variant, times)) => json!({
                    "name": name, "variant": variant, "seconds": times.clock, "processor_seconds": times.processor,
                }),
                Err(error) => json!({ "name": name, "failure": error.to_string().lines().next() }),
            }
        })
        .collect();
    println!("{}", json!({ "operations": operations }));
}

/// Times every way that candle offers and keeps the one that costs the processor least.
fn fastest(operation: &Value, dtype: DType) -> Result<(&'static str, Times)> {
    let mut best: Result<(&'static str, Times)> = Err(candle_core::Error::Msg("candle has no such operation".into()));
    for (variant, call) in ways(operation, dtype)? {
        match timed(&call) {
            Ok(times) if best.as_ref().map_or(true, |(_, least)| times.median() < least.median()) => {
                best = Ok((variant, times));
            }
            Err(error) if best.is_err() => best = Err(error),
            _ => {}
        }
    }
    best
}

/// Seconds of each call: on the clock, and of the processor for all threads.
#[derive(Default)]
struct Times {
    clock: Vec<f64>,
    processor: Vec<f64>,
}

impl Times {
    fn median(&self) -> f64 {
        let mut sorted = self.processor.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn add(&mut self, call: &dyn Fn() -> Result<Tensor>) -> Result<()> {
        let (start, processor) = (Instant::now(), processor_seconds());
        call()?;
        self.clock.push(start.elapsed().as_secs_f64());
        self.processor.push(processor_seconds() - processor);
        Ok(())
    }
}

fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Five calls and a second, but not over five seconds, after one call that counts only if it took very long itself.
fn timed(call: &dyn Fn() -> Result<Tensor>) -> Result<Times> {
    let mut first = Times::default();
    first.add(call)?;
    if first.clock[0] > 10.0 {
        return Ok(first);
    }
    let mut times = Times::default();
    let mut sum = 0.0;
    while times.clock.is_empty() || (times.clock.len() < 5 || sum < 1.0) && sum < 5.0 {
        times.add(call)?;
        sum = times.clock.iter().sum();
    }
    Ok(times)
}

type Call = Box<dyn Fn() -> Result<Tensor>>;

fn ways(operation: &Value, dtype: DType) -> Result<Vec<(&'static str, Call)>> {
    let number = |key: &str| operation[key].as_u64().unwrap_or_else(|| panic!("the operation has no {key}")) as usize;
    let random = |shape: &[usize], deviation: f64| {
        Tensor::randn(0.0, deviation, shape, &Device::Cpu)?.to_dtype(dtype)
    };
    let image = || random(&[1, number("channels"), number("side"), number("side")], 1.0);
    Ok(match operation["kind"].as_str() {
        Some("convolution") => {
            let weight = random(&[number("to"), number("channels"), 3, 3], 0.02)?;
            let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
            let layer = Conv2d::new(weight, Some(random(&[number("to")], 0.02)?), config);
            let image = image()?;
            vec![("", Box::new(move || layer.forward(&image)))]
        }
        Some("linear") => {
            let weight = random(&[number("to"), number("channels")], 0.02)?;
            let layer = Linear::new(weight, Some(random(&[number("to")], 0.02)?));
            let rows = random(&[number("rows"), number("channels")], 1.0)?;
            vec![("", Box::new(move || layer.forward(&rows)))]
        }
        Some("norm") => {
            let channels = number("channels");
            let layer = GroupNorm::new(
                random(&[channels], 0.02)?,
                random(&[channels], 0.02)?,
                channels,
                number("groups"),
                1e-5,
            )?;
            let image = image()?;
            vec![("", Box::new(move || layer.forward(&image)?.silu()))]
        }
        Some("attention") => attention(
            [0; 3].map(|_| random(&[1, number("heads"), number("tokens"), number("width")], 1.0)),
            dtype,
        )?,
        other => panic!("no operation is of kind {other:?}"),
    })
}

fn attention(inputs: [Result<Tensor>; 3], dtype: DType) -> Result<Vec<(&'static str, Call)>> {
    let [query, key, value] = inputs;
    let (query, key, value) = (query?, key?, value?);
    let scale = 1.0 / (query.dim(3)? as f64).sqrt();
    // The fused form wants the heads behind the tokens.
    let [rows, columns, values] = [&query, &key, &value].map(|tensor| tensor.transpose(1, 2)?.contiguous());
    let (rows, columns, values) = (rows?, columns?, values?);
    let products: Call = Box::new(move || {
        let scores = (query.matmul(&key.t()?)? * scale)?;
        ops::softmax_last_dim(&scores)?.matmul(&value)
    });
    let fused: Call = Box::new(move || match dtype {
        DType::F32 => flash_attn::<f32>(&rows, &columns, &values, scale as f32, AttnMask::None, None, None),
        DType::F16 => flash_attn::<half::f16>(&rows, &columns, &values, scale as f32, AttnMask::None, None, None),
        _ => flash_attn::<half::bf16>(&rows, &columns, &values, scale as f32, AttnMask::None, None, None),
    });
    Ok(vec![("products", products), ("fused", fused)])
}
