//! T2I-Adapter: features of a control image that are added to those of the UNet's way down (Mou et al. 2023; diffusers
//! `FullAdapterXL`).

use burn::tensor::activation::relu;
use burn::tensor::{FloatDType, Tensor};

use crate::config::T2iAdapterConfig;
use crate::error::Result;
use crate::network::layers::Conv2d;
use crate::network::parameters::Parameters;

/// Makes features of control images, the same for every step.
pub(crate) struct T2iAdapter {
    conv_in: Conv2d,
    levels: Vec<Level>,
    side: usize,
    compute: FloatDType,
}

/// Residual blocks, behind a halving and a change of channels where there are such.
struct Level {
    halves: bool,
    in_conv: Option<Conv2d>,
    blocks: Vec<(Conv2d, Conv2d)>,
}

/// The level that halves the size; the first is a sixteenth of the image's already.
const HALVING: usize = 2;

impl T2iAdapter {
    pub(crate) fn load(parameters: &Parameters, config: &T2iAdapterConfig, compute: FloatDType) -> Result<Self> {
        let parameters = &parameters.child("adapter").exact();
        let (channels, side) = (&config.channels, config.downscale_factor);
        let level = |index: usize| {
            let parameters = parameters.child(format_args!("body.{index}"));
            // The last level begins with its own channels, as the first does.
            let (input, output) = match index {
                1 | 2 => (channels[index - 1], channels[index]),
                _ => (channels[index], channels[index]),
            };
            let in_conv = (input != output).then(|| Conv2d::pointwise(&parameters.child("in_conv"), input, output));
            let blocks = (0..config.num_res_blocks).map(|block| {
                let parameters = parameters.child(format_args!("resnets.{block}"));
                let first = Conv2d::same(&parameters.child("block1"), output, output)?;
                Ok((first, Conv2d::pointwise(&parameters.child("block2"), output, output)?))
            });
            Ok(Level {
                halves: index == HALVING,
                in_conv: in_conv.transpose()?,
                blocks: blocks.collect::<Result<_>>()?,
            })
        };
        Ok(Self {
            conv_in: Conv2d::same(&parameters.child("conv_in"), 3 * side * side, channels[0])?,
            levels: (0..channels.len()).map(level).collect::<Result<_>>()?,
            side,
            compute,
        })
    }

    /// `pixels` `[1, 3, h, w]` in 0…1, of which `h` and `w` are multiples of 16 → the features of each level, `[1, h, w, c]`.
    pub(crate) fn look_at(&self, pixels: Tensor<4>) -> Vec<Tensor<4>> {
        let [n, colours, h, w] = pixels.dims();
        let (side, rows, columns) = (self.side, h / self.side, w / self.side);
        // Every square of pixels becomes the channels of a place, colour by colour (torch's `PixelUnshuffle`).
        let x = pixels.reshape([n, colours, rows, side, columns, side]).permute([0, 2, 4, 1, 3, 5]);
        let x = x.reshape([n, rows, columns, colours * side * side]).cast(self.compute);
        let mut x = self.conv_in.forward(x);
        let mut features = Vec::new();
        for level in &self.levels {
            x = level.forward(x);
            features.push(x.clone());
        }
        features
    }
}

impl Level {
    fn forward(&self, mut x: Tensor<4>) -> Tensor<4> {
        if self.halves {
            x = halved(x);
        }
        if let Some(conv) = &self.in_conv {
            x = conv.forward(x);
        }
        self.blocks.iter().fold(x, |x, (first, second)| {
            let inner = relu(first.forward(x.clone()));
            second.forward_onto(inner, x)
        })
    }
}

/// The mean of every 2×2 places; at an odd edge, of those that there are (torch's `AvgPool2d` with `ceil_mode`).
fn halved(x: Tensor<4>) -> Tensor<4> {
    let even = |x: Tensor<4>, axis: usize| {
        let length = x.dims()[axis];
        if length.is_multiple_of(2) {
            return x;
        }
        let last = x.clone().narrow(axis, length - 1, 1);
        Tensor::cat(vec![x, last], axis)
    };
    let x = even(even(x, 1), 2);
    let [n, h, w, c] = x.dims();
    let x = x.reshape([n, h / 2, 2, w / 2, 2, c]);
    x.mean_dim(2).mean_dim(4).reshape([n, h / 2, w / 2, c])
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use burn::tensor::{Device, TensorData};
    use safetensors::SafeTensors;

    use super::*;
    use crate::ops::{floats, tensor};
    use crate::precision::Precision;
    use crate::weights::RandomWeights;

    fn data(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/adapters").join(path)
    }

    #[test]
    fn features_are_those_of_the_definition() {
        let folder = data("files/t2i_adapter");
        let text = std::fs::read_to_string(folder.join("config.json")).expect("it has one");
        let config = T2iAdapterConfig::from_json(&text, &folder).expect("it is sound");
        let model = crate::weights::ControlModel::open(&folder).expect("it opens");
        let choice = crate::device::DeviceChoice::select(
            crate::device::DevicePreference::Flex,
            crate::device::Requirement { precision: Some(Precision::F32), ..Default::default() },
        )
        .expect("the CPU is there");
        let steering = crate::network::steering::SteeringConfig::T2iAdapter(config.clone());
        let source = model.parameters(&steering, &choice, None).expect("they are read");
        let parameters = Parameters::new(source.as_ref(), choice.device(), choice.weights());
        let adapter = T2iAdapter::load(&parameters, &config, FloatDType::F32).expect("it is built");

        let image = image::open(data("files/pictures/lines_a.png")).expect("it is there").to_rgb8();
        let plane = |colour: usize| {
            let places = (0..48).flat_map(|y| (0..80).map(move |x| (x, y)));
            places.map(|place| f32::from(image[place][colour]) / 255.0).collect::<Vec<_>>()
        };
        let pixels: Vec<f32> = (0..3).flat_map(plane).collect();
        let features = adapter.look_at(tensor(pixels, [1, 3, 48, 80], choice.device()));
        let content = std::fs::read(data("expected/t2i_adapter.safetensors")).expect("they are there");
        let expected = SafeTensors::deserialize(&content).expect("they are sound");
        assert_eq!(features.len(), 4);
        for (index, feature) in features.into_iter().enumerate() {
            let expected = expected.tensor(&format!("feature_{index}")).expect("it is there");
            let feature = feature.permute([0, 3, 1, 2]);
            assert_eq!(feature.dims()[..], *expected.shape());
            let expected = expected.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
            let found = floats(feature).expect("numbers");
            let worst =
                found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "feature {index}: {worst}");
        }
    }

    #[test]
    fn an_odd_edge_is_the_mean_of_what_is_there() {
        let x =
            Tensor::<4>::from_data(TensorData::new((0..9_i16).map(f32::from).collect(), [1, 3, 3, 1]), &Device::flex());
        assert_eq!(floats(halved(x)).expect("numbers"), [2.0, 3.5, 6.5, 8.0]);
    }

    #[test]
    fn a_full_size_adapter_has_the_shapes_of_the_unet() {
        let config = T2iAdapterConfig { channels: vec![8, 16, 24, 24], num_res_blocks: 2, downscale_factor: 16 };
        let (device, random) = (Device::flex(), RandomWeights::new(0));
        let parameters = Parameters::new(&random, &device, Precision::F32.cpu_format());
        let adapter = T2iAdapter::load(&parameters, &config, FloatDType::F32).expect("it is built");
        let features = adapter.look_at(Tensor::zeros([1, 3, 80, 64], &device));
        let shapes: Vec<_> = features.iter().map(|feature| feature.dims()).collect();
        assert_eq!(shapes, [[1, 5, 4, 8], [1, 5, 4, 16], [1, 3, 2, 24], [1, 3, 2, 24]]);
    }
}
