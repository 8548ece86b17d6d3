//! What a worker's time costs.

/// US dollars for a gibibyte and second on Lambda, in most regions.
const GIBIBYTE_SECOND: f64 = if cfg!(target_arch = "aarch64") { 0.000_013_333_4 } else { 0.000_016_666_7 };

/// US dollars for an hour of a function with this memory, in MiB.
pub(crate) fn lambda_hour(mebibytes: f64) -> f64 {
    mebibytes / 1024.0 * GIBIBYTE_SECOND * 3600.0
}

/// US dollars for each of `images` that took `seconds` together.
pub(crate) fn per_image(dollars_per_hour: f64, seconds: f64, images: usize) -> f64 {
    dollars_per_hour / 3600.0 * seconds / images.max(1) as f64
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_image_costs_its_share_of_the_time() {
        let hour = super::lambda_hour(10_240.0);
        assert!((0.4..0.61).contains(&hour), "{hour}");
        assert_eq!(super::per_image(3.6, 100.0, 4), 0.025);
    }
}
