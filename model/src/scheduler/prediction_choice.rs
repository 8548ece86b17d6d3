//! What somebody says about a model whose files do not.

use std::fmt;
use std::str::FromStr;

use super::config::{PredictionType, SchedulerConfig, TimestepSpacing};
use crate::error::{Error, Result};

/// What a model predicts, for files without a marker, and whether its last training timestep has no signal left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictionChoice {
    /// What it predicts.
    pub prediction_type: PredictionType,
    /// Whether it was trained down to no signal (Lin et al. 2023): runs then start at the very last timestep.
    pub zero_terminal_snr: bool,
}

impl PredictionChoice {
    /// Every choice by its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("epsilon", Self { prediction_type: PredictionType::Epsilon, zero_terminal_snr: false }),
        ("v_prediction", Self { prediction_type: PredictionType::VPrediction, zero_terminal_snr: false }),
        ("v_prediction_zsnr", Self { prediction_type: PredictionType::VPrediction, zero_terminal_snr: true }),
        ("sample", Self { prediction_type: PredictionType::Sample, zero_terminal_snr: false }),
    ];

    /// The choice that a model's name (of a file, or in its metadata) tells of: `noobaiXL_vPred10` predicts velocity, down to
    /// no signal, as the published models of this kind do.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let says_velocity = name.contains("vpred") || name.contains("vprediction");
        says_velocity.then_some(Self { prediction_type: PredictionType::VPrediction, zero_terminal_snr: true })
    }

    /// The configuration of a model of which this is true.
    #[must_use]
    pub fn applied(self, config: &SchedulerConfig) -> SchedulerConfig {
        let mut config = config.clone();
        config.prediction_type = self.prediction_type;
        config.rescale_betas_zero_snr = self.zero_terminal_snr;
        if self.zero_terminal_snr {
            config.timestep_spacing = TimestepSpacing::Trailing;
        }
        config
    }
}

impl fmt::Display for PredictionChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, choice)| choice == self).map(|(name, _)| *name);
        formatter.write_str(named.unwrap_or("epsilon"))
    }
}

impl FromStr for PredictionChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = match text {
            "eps" => "epsilon",
            "v" | "vpred" | "v_pred" | "velocity" => "v_prediction",
            "x0" => "sample",
            other => other,
        };
        let found = Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, choice)| *choice);
        found.ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Error::invalid("prediction_type", format!("`{text}` is none of {names}"))
        })
    }
}
