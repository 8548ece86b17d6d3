//! Models whose noise levels are not those of training timesteps.

/// The noise levels of a model trained by "Elucidating the Design Space" (Karras et al. 2022), as CosXL is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdmConfig {
    /// The lowest level.
    pub sigma_min: f64,
    /// The highest level.
    pub sigma_max: f64,
    /// The standard deviation of images that the model was scaled for.
    pub sigma_data: f64,
    /// Levels are evenly spaced in this root.
    pub rho: f64,
    /// Levels are evenly spaced in their logarithm instead.
    pub exponential: bool,
}
