//! Networks that enlarge images: RRDBNet (ESRGAN, Wang et al. 2018) and SRVGGNetCompact (Real-ESRGAN, Wang et al. 2021).

mod compact;
mod pixels;
mod rrdb;

use burn::tensor::{FloatDType, Tensor};

use crate::config::UpscalerShape;
use crate::error::Result;
use crate::network::parameters::Parameters;
use compact::Compact;
use rrdb::RrdbNet;

/// Enlarges images.
pub(crate) struct UpscalerNetwork {
    kind: Kind,
    compute: FloatDType,
}

enum Kind {
    Rrdb(Box<RrdbNet>),
    Compact(Box<Compact>),
}

impl UpscalerNetwork {
    /// Builds the network of `shape`, whose tensors have BasicSR's names; activations are computed as `compute`.
    ///
    /// The weights of the last layer of every dense block are expected with the residual scaling in them: see
    /// [`crate::weights::UpscalerFile`].
    pub(crate) fn load(parameters: &Parameters, shape: UpscalerShape, compute: FloatDType) -> Result<Self> {
        // The errors of 8 bits would add up over a hundred layers without norms.
        let parameters = &parameters.exact();
        let kind = match shape {
            UpscalerShape::Rrdb { .. } => Kind::Rrdb(Box::new(RrdbNet::load(parameters, shape)?)),
            UpscalerShape::Compact { features, convolutions, scale } => {
                Kind::Compact(Box::new(Compact::load(parameters, features, convolutions, scale)?))
            }
        };
        Ok(Self { kind, compute })
    }

    /// The image `[1, h, w, 3]` in 0…1, whose sides are multiples of the shape's, → `[1, h·scale, w·scale, 3]` in about
    /// 0…1, in f32.
    pub(crate) fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        match &self.kind {
            Kind::Rrdb(network) => network.forward(image.cast(self.compute)).cast(FloatDType::F32),
            Kind::Compact(network) => network.forward(image, self.compute),
        }
    }
}
