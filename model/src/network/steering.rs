//! The networks that steer a UNet by control images.

use burn::tensor::FloatDType;

use crate::config::{ControlNetConfig, T2iAdapterConfig};
use crate::error::Result;
use crate::network::control_net::ControlNet;
use crate::network::parameters::Parameters;
use crate::network::t2i_adapter::T2iAdapter;

/// What a network that steers is like.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there are few of them")]
pub(crate) enum SteeringConfig {
    ControlNet(ControlNetConfig),
    T2iAdapter(T2iAdapterConfig),
}

/// A network that steers.
pub(crate) enum SteeringNetwork {
    /// Evaluated at every step.
    ControlNet(Box<ControlNet>),
    /// Evaluated once.
    T2iAdapter(Box<T2iAdapter>),
}

impl SteeringNetwork {
    /// Builds the network that `config` describes; activations are computed as `compute`.
    pub(crate) fn load(parameters: &Parameters, config: &SteeringConfig, compute: FloatDType) -> Result<Self> {
        Ok(match config {
            SteeringConfig::ControlNet(config) => {
                Self::ControlNet(Box::new(ControlNet::load(parameters, config, compute)?))
            }
            SteeringConfig::T2iAdapter(config) => {
                Self::T2iAdapter(Box::new(T2iAdapter::load(parameters, config, compute)?))
            }
        })
    }
}
