//! Gates: a question with a yes or no.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Failure, Finding, Host, Output, Request, Severity};

/// Answers a question: may the run go on?
pub trait Gate {
    /// The step's `with`.
    type Config: DeserializeOwned + JsonSchema;

    /// Names of the outputs that [`Gate::evaluate`] may set. A pipeline that reads any other is refused.
    const OUTPUTS: &'static [&'static str] = &[];

    /// Answers the question. Changes nothing outside: it may be called again at any time.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when there is no answer. A "no" is an answer.
    fn evaluate(config: Self::Config, request: &Request, host: &Host) -> Result<Evaluation, Failure>;
}

/// The answer of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Pass,
    /// Go on, and tell people.
    Warn,
    /// Stop: the run is rejected.
    Fail,
    /// There is not enough to decide on. Never counts as a pass unless the pipeline says so.
    Inconclusive,
}

/// The answer and its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The answer.
    pub decision: Decision,
    /// One line that people see beside the step.
    pub summary: String,
    /// The reasons, each with its place.
    pub findings: Vec<Finding>,
    /// Values for later steps.
    pub outputs: Vec<Output>,
}

impl Evaluation {
    /// Makes an answer without findings or outputs.
    pub fn new(decision: Decision, summary: impl Into<String>) -> Self {
        Self { decision, summary: summary.into(), findings: Vec::new(), outputs: Vec::new() }
    }

    /// Go on.
    pub fn pass(summary: impl Into<String>) -> Self {
        Self::new(Decision::Pass, summary)
    }

    /// Go on, and tell people.
    pub fn warn(summary: impl Into<String>) -> Self {
        Self::new(Decision::Warn, summary)
    }

    /// Stop: the run is rejected.
    pub fn fail(summary: impl Into<String>) -> Self {
        Self::new(Decision::Fail, summary)
    }

    /// There is not enough to decide on.
    pub fn inconclusive(summary: impl Into<String>) -> Self {
        Self::new(Decision::Inconclusive, summary)
    }

    /// Lets the findings decide: an error fails, a warning warns, and notes or nothing pass.
    pub fn judge(findings: Vec<Finding>, summary: impl Into<String>) -> Self {
        let decision = match findings.iter().map(|finding| finding.severity).min() {
            Some(Severity::Error) => Decision::Fail,
            Some(Severity::Warning) => Decision::Warn,
            Some(Severity::Note) | None => Decision::Pass,
        };
        Self { findings, ..Self::new(decision, summary) }
    }

    /// Adds a reason.
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

/// Makes a type that implements [`Gate`] the one this package exports, and writes `pub fn manifest()`.
///
/// ```
/// # use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Config {}
/// struct Always;
///
/// impl Gate for Always {
///     type Config = Config;
///
///     fn evaluate(_: Config, _: &Request, _: &Host) -> Result<Evaluation, Failure> {
///         Ok(Evaluation::pass("always"))
///     }
/// }
///
/// runner_plugin::export_gate!(Always);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_gate {
    ($gate:ty) => {
        $crate::__export!($gate, Gate, gate, <$gate as $crate::Gate>::OUTPUTS);
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides() {
        let decide = |findings| Evaluation::judge(findings, "").decision;
        let [note, warning, error] =
            [Finding::note, Finding::warning, Finding::error].map(|new| new("r", "m"));

        assert_eq!(decide(vec![]), Decision::Pass);
        assert_eq!(decide(vec![note.clone()]), Decision::Pass);
        assert_eq!(decide(vec![note.clone(), warning.clone()]), Decision::Warn);
        assert_eq!(decide(vec![note, error, warning]), Decision::Fail);
    }
}
