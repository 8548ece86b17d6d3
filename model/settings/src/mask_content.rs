//! What a masked part begins as.

use crate::choices::choices;

choices! {
    /// What stands under the mask at the start of inpainting, as in AUTOMATIC1111.
    MaskContent {
        /// What the init image has there.
        Original = "original",
        /// The colours around it, continued.
        Fill = "fill",
        /// The seed's noise, in the latents.
        Noise = "noise",
        /// Zeros, in the latents.
        Nothing = "nothing",
    }
}
