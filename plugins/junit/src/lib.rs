//! Gate: the tests in JUnit reports have passed, and there were some.
//!
//! Each report is read once, test by test (`report`), and every test goes into one tally (`tally`), which keeps what
//! has to be shown and counts the rest. Both are pure; this file finds and reads the files, and lets the tally judge.
//!
//! A report that says more than it shows is believed in the worse direction: failures that a suite counts and no test
//! shows are failures, and a report without a test is a "no".

mod report;
mod tally;

use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use tally::Tally;

/// Which reports, and what they may say.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Reports: paths, directories (`reports/`) or patterns (`reports/*.xml`). Each has to match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// How many tests may have failed.
    #[serde(default)]
    max_failures: u64,
    /// How many tests may have ended in an error instead of an answer.
    #[serde(default)]
    max_errors: u64,
    /// How many tests may have been skipped. Without it: any number.
    max_skipped: Option<u64>,
    /// How many tests have to have run, those that were skipped not counted.
    #[serde(default = "one")]
    min_tests: u64,
    /// Whether a report may have no test in it.
    #[serde(default)]
    allow_empty: bool,
    /// Names of suites in which at least one test has to have run.
    #[serde(default)]
    require_suites: Vec<String>,
    /// Tests that took longer than so many seconds are a warning.
    #[schemars(range(min = 0.0))]
    slow_seconds: Option<f64>,
    /// What it means that a test has passed only when it was run again.
    #[serde(default)]
    flaky: Flaky,
    /// What it means that one report has several results of the same test.
    #[serde(default)]
    repeated: Repeated,
}

/// What a test means that failed first and passed then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Flaky {
    /// It has passed.
    Ignore,
    /// It has passed, and people are told.
    #[default]
    Warn,
    /// It has failed.
    Fail,
}

/// What several results of the same test mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Repeated {
    /// They are different tests of the same name; each counts.
    #[default]
    Each,
    /// The test was run again after a failure; the last result counts.
    Last,
}

fn one() -> u64 {
    1
}

/// The gate.
#[derive(Debug)]
pub struct Junit;

impl Gate for Junit {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] =
        &["reports", "tests", "passed", "failures", "errors", "skipped", "flaky", "seconds"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let files = host.files().find(&config.files)?;
        let mut tally = Tally::new(&config);
        for path in &files {
            report::read(path, &host.files().read_to_string(path)?, &mut tally)?;
        }
        Ok(tally.judge(files.len()))
    }
}

runner_plugin::export_gate!(Junit);

#[cfg(test)]
mod tests;
