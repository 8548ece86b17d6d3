//! Metrics in CloudWatch's embedded metric format: a line of JSON on standard output that CloudWatch reads.

use easel_system::environment::{self, LAMBDA_NAME, METRICS};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "Easel";

/// What a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time.
    Seconds,
    /// Anything without a unit in CloudWatch, such as money.
    None,
}

/// Metrics of one moment with the same dimensions.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    dimensions: Vec<(&'static str, String)>,
    values: Vec<(&'static str, Unit, f64)>,
    properties: Map<String, Value>,
}

impl Metrics {
    /// No metrics yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a dimension, by which metrics are grouped.
    #[must_use]
    pub fn dimension(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.dimensions.push((name, value.into()));
        self
    }

    /// The same with a value.
    #[must_use]
    pub fn value(mut self, name: &'static str, unit: Unit, value: f64) -> Self {
        self.values.push((name, unit, value));
        self
    }

    /// The same with a property to search by that is not a dimension, such as a task's id.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties.insert(name.to_owned(), value.into());
        self
    }

    /// Prints the line where CloudWatch reads it: on Lambda, or where `EASEL_METRICS` is `on`.
    pub fn emit(&self) {
        let asked = environment::text(METRICS).is_some_and(|value| value == "on");
        if asked || environment::is_set(LAMBDA_NAME) {
            println!("{}", self.line(Timestamp::now()));
        }
    }

    fn line(&self, at: Timestamp) -> Value {
        let unit = |unit: Unit| match unit {
            Unit::Count => "Count",
            Unit::Seconds => "Seconds",
            Unit::None => "None",
        };
        let names: Vec<_> = self.dimensions.iter().map(|(name, _)| name).collect();
        let definitions: Vec<_> =
            self.values.iter().map(|(name, kind, _)| json!({"Name": name, "Unit": unit(*kind)})).collect();
        let mut line = self.properties.clone();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": at.as_millisecond(),
                "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": definitions}],
            }),
        );
        line.extend(self.dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(self.values.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_in_the_embedded_metric_format() {
        let metrics = Metrics::new().dimension("device", "cpu").value("ImageTime", Unit::Seconds, 1.5);
        let at = Timestamp::from_millisecond(1_700_000_000_000).expect("a time");
        let expected = json!({
            "_aws": {
                "Timestamp": 1_700_000_000_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Easel",
                    "Dimensions": [["device"]],
                    "Metrics": [{"Name": "ImageTime", "Unit": "Seconds"}],
                }],
            },
            "device": "cpu",
            "ImageTime": 1.5,
            "task": "an id",
        });
        assert_eq!(metrics.property("task", "an id").line(at), expected);
    }
}
