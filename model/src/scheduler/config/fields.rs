//! Reading the file field by field, so that an error names the field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::edm::EdmConfig;
use super::readers::Refused;

/// Switches of which only one position is offered.
const SWITCHES: [(&str, bool); 4] =
    [("use_flow_sigmas", false), ("use_dynamic_shifting", false), ("thresholding", false), ("predict_x0", true)];
/// Words of which only one is offered.
const WORDS: [(&str, &str); 2] = [("interpolation_type", "linear"), ("timestep_type", "discrete")];
/// What has to be absent or empty.
const ABSENT: [&str; 5] = ["trained_betas", "variance_type", "solver_p", "shift_terminal", "disable_corrector"];

/// The fields of the file, and what of them was found not to be offered.
pub(super) struct SchedulerFields {
    fields: Map<String, Value>,
    refused: Vec<Refused>,
}

impl SchedulerFields {
    /// The fields of the JSON object `text`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fields = serde_json::from_str(&without_infinities(text))
            .map_err(|error| format!("{error}; replace the file by the model's original"))?;
        Ok(Self { fields, refused: Vec::new() })
    }

    /// The value of a field that every sampler reads, or `default` if the file leaves it out or says `null`.
    pub(super) fn get<T: DeserializeOwned>(&self, field: &str, default: T) -> Result<T, String> {
        match self.fields.get(field) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => T::deserialize(value).map_err(|error| format!("{field}: {error}")),
        }
    }

    /// The value of a field that some samplers read. What cannot be read is kept for them, and `default` for the others.
    pub(super) fn read<T: DeserializeOwned>(&mut self, field: &'static str, default: T) -> T {
        let value = match self.fields.get(field) {
            None | Some(Value::Null) => return default,
            Some(value) => T::deserialize(value),
        };
        value.unwrap_or_else(|error| {
            self.refused.push(Refused::new(field, format!("{error}")));
            default
        })
    }

    /// The same for a number that has to be `good`.
    pub(super) fn read_number(
        &mut self,
        field: &'static str,
        default: Option<f64>,
        good: impl Fn(f64) -> bool,
    ) -> Option<f64> {
        let value: Option<f64> = self.read(field, default);
        if let Some(value) = value.filter(|value| !good(*value)) {
            self.refused.push(Refused::new(field, format!("{value} must be a positive number")));
            return default;
        }
        value
    }

    /// The levels of a model with a scheduler of the kind "EDM".
    pub(super) fn edm(&self) -> Result<EdmConfig, String> {
        let exponential = match self.get("sigma_schedule", String::from("karras"))?.as_str() {
            "karras" => false,
            "exponential" => true,
            other => return Err(format!("sigma_schedule: `{other}` is none of karras, exponential")),
        };
        let edm = EdmConfig {
            sigma_min: self.get("sigma_min", 0.002)?,
            sigma_max: self.get("sigma_max", 80.0)?,
            sigma_data: self.get("sigma_data", 0.5)?,
            rho: self.get("rho", 7.0)?,
            exponential,
        };
        let is_usable = |value: f64| (1e-6..=1e6).contains(&value);
        if ![edm.sigma_min, edm.sigma_max, edm.sigma_data, edm.rho].into_iter().all(is_usable)
            || edm.sigma_min >= edm.sigma_max
        {
            return Err("sigma_min, sigma_max, sigma_data, rho: must be positive, the first below the second".into());
        }
        Ok(edm)
    }

    /// Everything that the file asks for and that is not offered.
    pub(super) fn unsupported(mut self) -> Vec<Refused> {
        for (field, usual) in SWITCHES {
            if self.read(field, usual) != usual {
                self.refused.push(Refused::new(field, format!("{} is not offered, only {usual}", !usual)));
            }
        }
        for (field, usual) in WORDS {
            let value: String = self.read(field, usual.into());
            if value != usual {
                self.refused.push(Refused::new(field, format!("`{value}` is not offered, only `{usual}`")));
            }
        }
        // diffusers' PNDM begins with Runge-Kutta steps unless told otherwise, as every SDXL model that has it does.
        if !self.read("skip_prk_steps", true) {
            self.refused.push(Refused::new("skip_prk_steps", "false is not offered, only true".into()));
        }
        for field in ABSENT {
            let value = self.fields.get(field).unwrap_or(&Value::Null);
            if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
                self.refused.push(Refused::new(field, "is not offered; it must be null".into()));
            }
        }
        self.refused
    }
}

/// Python writes infinity as a bare word, which is not JSON (diffusers: `"lambda_min_clipped": -Infinity`). As `null` it
/// stands for the field's default, which it is.
fn without_infinities(text: &str) -> String {
    // Every other piece between quotation marks is outside strings. (No field of a scheduler holds an escaped one.)
    let outside_strings = |(index, piece): (usize, &str)| match index % 2 {
        0 => piece.replace("-Infinity", "null").replace("Infinity", "null").replace("NaN", "null"),
        _ => piece.to_owned(),
    };
    text.split('"').enumerate().map(outside_strings).collect::<Vec<_>>().join("\"")
}
