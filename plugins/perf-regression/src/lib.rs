//! Gate: what was measured is not worse than before, and within absolute bounds.
//!
//! ```text
//! files --format--> Measurement per metric (median, spread) --compare--> findings
//! ```
//!
//! `format` reads what benchmark tools write, `measurement` makes one number and its spread of many samples, `compare`
//! decides; all are pure. A difference counts only beyond the noise of the samples, and what lies within
//! the noise is shown as such and never as an improvement or a clean pass.

mod compare;
mod format;
mod measurement;

use std::collections::BTreeMap;

use runner_evidence::Bounds;
use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use compare::{Comparison, Rule};
use format::{Format, Metrics};

/// What to compare, and what is bad.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Files with the new measurements: paths, directories or patterns.
    #[schemars(length(min = 1))]
    candidate: Vec<String>,
    /// Files with the measurements to compare with. Without it only `bounds` are held.
    #[serde(default)]
    baseline: Vec<String>,
    /// Which tool wrote the files. Without it each file tells.
    format: Option<Format>,
    /// By how many percent of the baseline a metric may be worse: at 5 exactly it still passes.
    #[serde(default = "five")]
    #[schemars(range(min = 0.0))]
    max_percent: f64,
    /// By how many percent a metric may be worse before it is a warning.
    #[schemars(range(min = 0.0))]
    warn_percent: Option<f64>,
    /// Which way is better.
    #[serde(default)]
    better: Better,
    /// How many times the usual deviation of the samples a difference has to be beyond `max_percent` to count.
    /// 0: any difference counts.
    #[serde(default = "three")]
    #[schemars(range(min = 0.0))]
    noise: f64,
    /// A metric whose usual deviation is more than so many percent says nothing: the answer is inconclusive.
    #[schemars(range(min = 0.0))]
    max_deviation_percent: Option<f64>,
    /// What it means that a metric of the baseline was not measured any more.
    #[serde(default)]
    missing: Missing,
    /// What is different for single metrics, by name.
    #[serde(default)]
    metrics: BTreeMap<String, Exception>,
}

/// What is different for one metric.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Exception {
    /// Which way is better.
    better: Option<Better>,
    /// By how many percent it may be worse.
    #[schemars(range(min = 0.0))]
    max_percent: Option<f64>,
    /// By how many percent it may be worse before it is a warning.
    #[schemars(range(min = 0.0))]
    warn_percent: Option<f64>,
    /// Which values are all right, whatever the baseline says. In the unit of the file.
    bounds: Option<Bounds>,
    /// Why it is not compared. `bounds` hold all the same.
    #[schemars(length(min = 1))]
    ignore: Option<String>,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Better {
    /// Less is better: times, memory.
    #[default]
    Lower,
    /// More is better: requests per second.
    Higher,
}

/// What it means that a metric is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Missing {
    /// Nothing: it is noted.
    Note,
    /// People are told.
    Warn,
    /// The gate says no.
    #[default]
    Fail,
}

fn five() -> f64 {
    5.0
}

fn three() -> f64 {
    3.0
}

/// The gate.
#[derive(Debug)]
pub struct PerfRegression;

impl Gate for PerfRegression {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &["metrics", "regressions", "worst_percent", "worst_metric"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.check()?;
        let candidate = format::read(host, &config.candidate, config.format)?;
        let baseline = match &config.baseline[..] {
            [] => None,
            patterns => Some(format::read(host, patterns, config.format)?),
        };
        Ok(config.judge(&candidate, baseline.as_ref()))
    }
}

impl Config {
    /// Says what a schema cannot.
    fn check(&self) -> Result<(), Failure> {
        for (name, exception) in &self.metrics {
            if let Some(bounds) = &exception.bounds {
                bounds.check(&format!("`metrics.{name}.bounds`"))?;
            }
        }
        let bounded = self.metrics.values().any(|exception| exception.bounds.is_some());
        if self.baseline.is_empty() && !bounded {
            return Err(Failure::invalid_config("there is neither a `baseline` nor `bounds` for a metric"));
        }
        Ok(())
    }

    fn rule(&self, name: &str) -> Rule<'_> {
        let exception = self.metrics.get(name);
        let of = |own: fn(&Exception) -> Option<f64>| exception.and_then(own);
        Rule {
            higher_is_better: exception.and_then(|own| own.better).unwrap_or(self.better) == Better::Higher,
            max_percent: of(|own| own.max_percent).unwrap_or(self.max_percent),
            warn_percent: of(|own| own.warn_percent).or(self.warn_percent),
            noise: self.noise,
            max_deviation_percent: self.max_deviation_percent,
            ignore: exception.and_then(|own| own.ignore.as_deref()),
        }
    }

    fn judge(&self, candidate: &Metrics, baseline: Option<&Metrics>) -> Evaluation {
        let mut findings = Findings::new();
        let mut worst: Option<Comparison> = None;
        let (mut compared, mut regressions, mut unclear) = (0, 0, 0);
        for (name, new) in candidate {
            findings.extend(new.problems.iter().map(|problem| {
                Finding::error("failed-run", format!("`{name}`: {problem}")).in_file(&new.file)
            }));
            if let Some(bounds) = self.metrics.get(name).and_then(|own| own.bounds.as_ref())
                && let Some(broken) = bounds.broken_by(new.measurement.median)
            {
                findings
                    .push(Finding::error("out-of-bounds", format!("`{name}`: {broken}")).in_file(&new.file));
            }
            let Some(baseline) = baseline else { continue };
            let Some(old) = baseline.get(name) else {
                let message = format!("`{name}` is not in the baseline, so it was compared with nothing");
                findings.push(Finding::note("new-metric", message).in_file(&new.file));
                continue;
            };
            let comparison = compare::compare(name, &old.measurement, &new.measurement, &self.rule(name));
            compared += 1;
            regressions += usize::from(comparison.is_regression());
            unclear += usize::from(comparison.is_unclear());
            findings.extend(comparison.finding().map(|finding| finding.in_file(&new.file)));
            if !comparison.is_ignored()
                && worst.as_ref().is_none_or(|worst| comparison.percent > worst.percent)
            {
                worst = Some(comparison);
            }
        }
        for (name, old) in baseline.into_iter().flatten() {
            if !candidate.contains_key(name) && self.rule(name).ignore.is_none() {
                findings.push(self.gone(name).in_file(&old.file));
            }
        }
        for (name, _) in self.metrics.iter().filter(|(_, own)| own.bounds.is_some()) {
            if !candidate.contains_key(name) {
                findings.push(Finding::error(
                    "missing-metric",
                    format!("`{name}` has bounds and was not measured"),
                ));
            }
        }
        if baseline.is_some() && compared == 0 {
            let message = "no metric is in both the baseline and the candidate";
            findings.push(Finding::error("nothing-compared", message));
        }
        let failed = findings.count_of(Severity::Error) > 0;
        let measured = counted(candidate.len(), "metric", "metrics");
        let summary = match (&worst, regressions) {
            (Some(worst), 0) => format!("{measured}, {}", worst.shown()),
            (Some(worst), number) => format!("{number} of {measured} worse than allowed, {}", worst.shown()),
            (None, _) => measured,
        };
        let mut evaluation = Evaluation::judge(findings.into_vec(), summary);
        if unclear > 0 && !failed {
            evaluation.decision = Decision::Inconclusive;
        }
        let evaluation = evaluation.output("metrics", candidate.len()).output("regressions", regressions);
        match worst {
            Some(Comparison { name, percent, .. }) if percent.is_finite() => {
                evaluation.output("worst_percent", percent).output("worst_metric", name)
            }
            Some(_) | None => evaluation,
        }
    }

    fn gone(&self, name: &str) -> Finding {
        let message = format!("`{name}` is in the baseline and was not measured");
        let severity = match self.missing {
            Missing::Note => Severity::Note,
            Missing::Warn => Severity::Warning,
            Missing::Fail => Severity::Error,
        };
        Finding::new(severity, "missing-metric", message)
    }
}

runner_plugin::export_gate!(PerfRegression);

#[cfg(test)]
mod tests;
