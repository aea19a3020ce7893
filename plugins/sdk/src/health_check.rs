//! Health checks: a measurement of something that runs.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Failure, Finding, Host, Output, Request};

/// Measures something that runs: is it well?
pub trait HealthCheck {
    /// The step's `with`.
    type Config: DeserializeOwned + JsonSchema;

    /// Names of the outputs that [`HealthCheck::probe`] may set. A pipeline that reads any other is refused.
    const OUTPUTS: &'static [&'static str] = &[];

    /// Takes one measurement. The host does the polling: intervals, counts and deadlines are the step's `poll`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when nothing could be measured. "Unhealthy" is a measurement.
    fn probe(config: Self::Config, request: &Request, host: &Host) -> Result<Report, Failure>;
}

/// How something is. Ordered from the best to the worst that is known; unknown comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Serves as it should.
    Healthy,
    /// Serves, not as it should.
    Degraded,
    /// Does not serve.
    Unhealthy,
    /// The answer says nothing either way.
    Unknown,
}

/// One part of a composite check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Name of the part.
    pub name: String,
    /// How this part is.
    pub health: Health,
    /// One line: what was seen.
    pub message: String,
}

impl Check {
    /// Names a part, how it is, and what was seen.
    pub fn new(name: impl Into<String>, health: Health, message: impl Into<String>) -> Self {
        Self { name: name.into(), health, message: message.into() }
    }
}

/// The result of one probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How the thing is, all parts taken together.
    pub health: Health,
    /// 0.0 (worst) to 1.0 (best), if the plugin measures one.
    pub score: Option<f64>,
    /// One line that people see beside the step.
    pub summary: String,
    /// The parts.
    pub checks: Vec<Check>,
    /// What was found, each with its place.
    pub findings: Vec<Finding>,
    /// Values for later steps.
    pub outputs: Vec<Output>,
}

impl Report {
    /// Makes a report without parts.
    pub fn new(health: Health, summary: impl Into<String>) -> Self {
        let summary = summary.into();
        Self { health, score: None, summary, checks: Vec::new(), findings: Vec::new(), outputs: Vec::new() }
    }

    /// Takes the parts together: the whole is as well as its worst part, and unknown without any.
    pub fn of(checks: Vec<Check>, summary: impl Into<String>) -> Self {
        let health = checks.iter().map(|check| check.health).max().unwrap_or(Health::Unknown);
        Self { checks, ..Self::new(health, summary) }
    }

    /// Adds a measure from 0.0 (worst) to 1.0 (best).
    #[must_use]
    pub fn score(self, score: f64) -> Self {
        Self { score: Some(score), ..self }
    }

    /// Adds a finding.
    #[must_use]
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds a value for later steps.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.outputs.push(Output::new(name, value));
        self
    }
}

/// Makes a type that implements [`HealthCheck`] the one this package exports, and writes `pub fn manifest()`.
#[macro_export]
macro_rules! export_health_check {
    ($check:ty) => {
        $crate::__export!($check, HealthCheck, health_check, <$check as $crate::HealthCheck>::OUTPUTS);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_as_well_as_its_worst_part() {
        let whole = |parts: &[Health]| {
            Report::of(parts.iter().map(|&health| Check::new("part", health, "")).collect(), "").health
        };

        assert_eq!(whole(&[Health::Healthy, Health::Healthy]), Health::Healthy);
        assert_eq!(whole(&[Health::Degraded, Health::Healthy]), Health::Degraded);
        assert_eq!(whole(&[Health::Degraded, Health::Unhealthy]), Health::Unhealthy);
        assert_eq!(whole(&[Health::Healthy, Health::Unknown]), Health::Unknown);
        assert_eq!(whole(&[]), Health::Unknown);
    }
}
