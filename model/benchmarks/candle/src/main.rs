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
                Ok((variant, seconds)) => json!({ "name": name, "seconds": seconds, "variant": variant }),
                Err(error) => json!({ "name": name, "failure": error.to_string().lines().next() }),
            }
        })
        .collect();
    println!("{}", json!({ "operations": operations }));
}

/// Times every way that candle offers and keeps the one with the smallest median.
fn fastest(operation: &Value, dtype: DType) -> Result<(&'static str, Vec<f64>)> {
    let mut best: Result<(&'static str, Vec<f64>)> = Err(candle_core::Error::Msg("candle has no such operation".into()));
    for (variant, call) in ways(operation, dtype)? {
        match timed(&call) {
            Ok(seconds) if best.as_ref().map_or(true, |(_, least)| median(&seconds) < median(least)) => {
                best = Ok((variant, seconds));
            }
            Err(error) if best.is_err() => best = Err(error),
            _ => {}
        }
    }
    best
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// At least five calls and a second, after one that is not counted.
fn timed(call: &dyn Fn() -> Result<Tensor>) -> Result<Vec<f64>> {
    call()?;
    let mut seconds = Vec::new();
    while seconds.len() < 5 || seconds.iter().sum::<f64>() < 1.0 && seconds.len() < 1000 {
        let start = Instant::now();
        call()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(seconds)
}

type Call = Box<dyn Fn() -> Result<Tensor>>;

fn ways(operation: &Value, dtype: DType) -> Result<Vec<(&'static str, Call)>> {
    let number = |key: &str| operation[key].as_u64().unwrap_or_else(|| panic!("the operation has no {key}")) as usize;
    let random = |shape: &[usize], deviation: f64| {
        Tensor::randn(0.0, deviation, shape, &Device::Cpu)?.to_dtype(dtype)
    };
    let picture = || random(&[1, number("channels"), number("side"), number("side")], 1.0);
    Ok(match operation["kind"].as_str() {
        Some("convolution") => {
            let weight = random(&[number("to"), number("channels"), 3, 3], 0.02)?;
            let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
            let layer = Conv2d::new(weight, Some(random(&[number("to")], 0.02)?), config);
            let picture = picture()?;
            vec![("", Box::new(move || layer.forward(&picture)))]
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
            let picture = picture()?;
            vec![("", Box::new(move || layer.forward(&picture)?.silu()))]
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
