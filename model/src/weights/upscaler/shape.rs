//! What network the names and shapes of tensors make.

use std::collections::BTreeMap;

use crate::config::UpscalerShape;
use crate::config::upscaler::{DENSE_BLOCKS, DENSE_LAYERS};
use crate::weights::safetensors::{short, shorten};

/// Most channels, blocks and convolutions; those that people train have 64, 23 and 32.
const MOST_CHANNELS: usize = 512;
const MOST_BLOCKS: usize = 100;
const MOST_CONVOLUTIONS: usize = 200;
/// The largest factor.
const LARGEST_SCALE: usize = 8;

/// What is wrong, with the tensor that it is wrong with.
pub(super) type Fault = (Option<String>, String);
/// Shapes by name.
type Shapes<'a> = BTreeMap<&'a str, &'a [usize]>;

/// The network whose tensors have these names and shapes.
pub(super) fn of(shapes: &Shapes) -> Result<UpscalerShape, Fault> {
    let shape = if shapes.contains_key("conv_first.weight") { rrdb(shapes)? } else { compact(shapes)? };
    let wanted = wanted(shape);
    for (name, wanted) in &wanted {
        match shapes.get(name.as_str()) {
            Some(found) if found == wanted => {}
            Some(found) => {
                let message = format!("has shape {}, where {wanted:?} fits the rest of the network", short(found));
                return Err((Some(name.clone()), message));
            }
            None => return Err((Some(name.clone()), "is missing: the file is incomplete, get it again".to_owned())),
        }
    }
    if let Some(name) = shapes.keys().find(|name| !wanted.contains_key(**name)) {
        let message = "is no part of RRDBNet or SRVGGNetCompact: the file is of a network that is not computed; get an \
                       upscaler of one of these two kinds (most are `ESRGAN` ones)";
        return Err((Some(shorten(name)), message.to_owned()));
    }
    Ok(shape)
}

/// Names and shapes of the tensors of a network.
pub(super) fn wanted(shape: UpscalerShape) -> BTreeMap<String, Vec<usize>> {
    let mut tensors = BTreeMap::new();
    let mut convolution = |name: String, inputs: usize, outputs: usize| {
        tensors.insert(format!("{name}.weight"), vec![outputs, inputs, 3, 3]);
        tensors.insert(format!("{name}.bias"), vec![outputs]);
    };
    match shape {
        UpscalerShape::Rrdb { features, growth, blocks, doublings, unshuffle } => {
            convolution("conv_first".to_owned(), 3 * unshuffle * unshuffle, features);
            for block in 0..blocks {
                for dense in 1..=DENSE_BLOCKS {
                    for layer in 1..=DENSE_LAYERS {
                        let inputs = features + (layer - 1) * growth;
                        let outputs = if layer == DENSE_LAYERS { features } else { growth };
                        convolution(format!("body.{block}.rdb{dense}.conv{layer}"), inputs, outputs);
                    }
                }
            }
            for doubling in 1..=doublings {
                convolution(format!("conv_up{doubling}"), features, features);
            }
            convolution("conv_body".to_owned(), features, features);
            convolution("conv_hr".to_owned(), features, features);
            convolution("conv_last".to_owned(), features, 3);
        }
        UpscalerShape::Compact { features, convolutions, scale } => {
            for index in 0..=convolutions {
                convolution(format!("body.{}", 2 * index), if index == 0 { 3 } else { features }, features);
            }
            convolution(format!("body.{}", 2 * convolutions + 2), features, 3 * scale * scale);
            for index in 0..=convolutions {
                tensors.insert(format!("body.{}.weight", 2 * index + 1), vec![features]);
            }
        }
    }
    tensors
}

fn rrdb(shapes: &Shapes) -> Result<UpscalerShape, Fault> {
    let (features, inputs) = sides(shapes, "conv_first.weight")?;
    let (growth, _) = sides(shapes, "body.0.rdb1.conv1.weight")?;
    let (colours, _) = sides(shapes, "conv_last.weight")?;
    let unshuffle = match (inputs, colours) {
        (3, 3) => 1,
        (12, 3) => 2,
        (48, 3) => 4,
        _ => {
            let message =
                format!("is for images of other colours ({inputs} channels in, {colours} out); get one for RGB");
            return Err((Some("conv_first.weight".to_owned()), message));
        }
    };
    let blocks = largest_number(shapes, "body.").unwrap_or_default().saturating_add(1);
    let doublings = largest_number(shapes, "conv_up").unwrap_or_default();
    if shapes.keys().any(|name| name.contains("conv1x1")) {
        let message =
            "is of ESRGAN+, whose dense blocks have shortcuts of their own, which are not computed; get an ESRGAN one";
        return Err((None, message.to_owned()));
    }
    let is_sound = (1..=MOST_CHANNELS).contains(&features)
        && (1..=MOST_CHANNELS).contains(&growth)
        && blocks <= MOST_BLOCKS
        && doublings <= LARGEST_SCALE.ilog2() as usize
        && unshuffle <= 1 << doublings;
    if !is_sound {
        let message = format!(
            "is an RRDBNet of {features} channels, {growth} growing, {blocks} blocks and {doublings} doublings, of which each \
             is more than any that people train, or too few"
        );
        return Err((None, message));
    }
    Ok(UpscalerShape::Rrdb { features, growth, blocks, doublings, unshuffle })
}

fn compact(shapes: &Shapes) -> Result<UpscalerShape, Fault> {
    let (features, inputs) = sides(shapes, "body.0.weight")?;
    let last = largest_number(shapes, "body.").unwrap_or_default();
    let (outputs, _) = sides(shapes, &format!("body.{last}.weight"))?;
    let scale = (1..=LARGEST_SCALE).find(|scale| 3 * scale * scale == outputs);
    if shapes.get("body.1.weight").is_none_or(|shape| shape.len() != 1) {
        return Err((None, format!("is {}", super::other_network::UNKNOWN)));
    }
    let is_sound = inputs == 3
        && (1..=MOST_CHANNELS).contains(&features)
        && last.is_multiple_of(2)
        && (2..=2 * MOST_CONVOLUTIONS).contains(&last);
    match scale.filter(|_| is_sound) {
        Some(scale) => Ok(UpscalerShape::Compact { features, convolutions: last / 2 - 1, scale }),
        None => {
            let message = format!(
                "is like SRVGGNetCompact, but with {inputs} channels in, {features} within, {outputs} out and a last layer of \
                 number {last}, which is none for RGB with a factor up to {LARGEST_SCALE}"
            );
            Err((None, message))
        }
    }
}

/// Outputs and inputs of a 3×3 convolution.
fn sides(shapes: &Shapes, name: &str) -> Result<(usize, usize), Fault> {
    match shapes.get(name) {
        Some(&&[outputs, inputs, 3, 3]) => Ok((outputs, inputs)),
        Some(found) => {
            Err((Some(name.to_owned()), format!("has shape {}, but is to be a 3×3 convolution", short(found))))
        }
        None => Err((Some(name.to_owned()), "is missing: the file is incomplete, get it again".to_owned())),
    }
}

/// The largest number that follows `begin` in a name.
fn largest_number(shapes: &Shapes, begin: &str) -> Option<usize> {
    let number = |name: &&str| name.strip_prefix(begin)?.split('.').next()?.parse::<usize>().ok();
    shapes.keys().filter_map(number).max()
}
