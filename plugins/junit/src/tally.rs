//! What all reports together say, and the judgement.

use std::collections::{BTreeMap, BTreeSet};

use runner_plugin::text::counted;
use runner_plugin::{Evaluation, Finding, Findings, Severity};

use crate::report::{Case, Outcome, Suite};
use crate::{Config, Flaky, Repeated};

/// The reports so far.
#[derive(Debug)]
pub(crate) struct Tally<'c> {
    config: &'c Config,
    tests: u64,
    passed: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
    flaky: u64,
    seconds: f64,
    /// Suites of `require_suites` in which a test has run.
    ran: BTreeSet<String>,
    findings: Findings,
    /// The report that is being read, and how many tests it had so far.
    report: (String, u64),
    /// With [`Repeated::Last`]: the failures of this report, which a later result may take back.
    open: BTreeMap<String, Case>,
}

impl<'c> Tally<'c> {
    pub(crate) fn new(config: &'c Config) -> Self {
        Self {
            config,
            tests: 0,
            passed: 0,
            failures: 0,
            errors: 0,
            skipped: 0,
            flaky: 0,
            seconds: 0.0,
            ran: BTreeSet::new(),
            findings: Findings::new(),
            report: (String::new(), 0),
            open: BTreeMap::new(),
        }
    }

    pub(crate) fn report_begins(&mut self, path: &str) {
        self.report = (path.to_owned(), 0);
    }

    /// Settles what no later result has taken back.
    pub(crate) fn report_ends(&mut self) {
        for case in std::mem::take(&mut self.open).into_values() {
            self.settle(case);
        }
        let (path, tests) = std::mem::take(&mut self.report);
        if tests == 0 && !self.config.allow_empty {
            let finding = Finding::error("empty-report", "the report has no test in it").in_file(path);
            self.findings.push(finding.help("`allow_empty: true` lets such a report be"));
        }
    }

    /// Counts one result of one test.
    pub(crate) fn case(&mut self, mut case: Case) {
        self.report.1 += 1;
        self.seconds += case.seconds.unwrap_or_default();
        if self.config.repeated == Repeated::Last {
            let earlier = self.open.remove(&case.name);
            match case.outcome {
                Outcome::Failed | Outcome::Errored => {
                    self.open.insert(case.name.clone(), case);
                    return;
                }
                Outcome::Passed => case.flaky |= earlier.is_some(),
                // Skipped the second time: nothing has shown that it works.
                Outcome::Skipped => {
                    if let Some(earlier) = earlier {
                        self.settle(earlier);
                    }
                }
            }
        }
        self.settle(case);
    }

    fn settle(&mut self, case: Case) {
        self.tests += 1;
        if let (Some(seconds), Some(limit)) = (case.seconds, self.config.slow_seconds)
            && seconds > limit
        {
            let message = format!("`{}` took {seconds} s, more than {limit} s", case.name);
            self.findings.push(placed(Finding::warning("slow-test", message), &case));
        }
        match case.outcome {
            Outcome::Passed => {
                self.passed += 1;
                if case.flaky {
                    self.flaky(&case);
                }
            }
            Outcome::Skipped => self.skipped += 1,
            Outcome::Failed => {
                self.failures += 1;
                self.findings.push(placed(Finding::error("failed-test", said(&case, "failed")), &case));
            }
            Outcome::Errored => {
                self.errors += 1;
                self.findings
                    .push(placed(Finding::error("errored-test", said(&case, "ended in an error")), &case));
            }
        }
    }

    fn flaky(&mut self, case: &Case) {
        self.flaky += 1;
        let severity = match self.config.flaky {
            Flaky::Ignore => return,
            Flaky::Warn => Severity::Warning,
            Flaky::Fail => Severity::Error,
        };
        let message = format!("`{}` failed, and passed when it was run again", case.name);
        self.findings.push(placed(Finding::new(severity, "flaky-test", message), case));
    }

    /// Counts a suite that has ended, and returns it with what its attributes say beyond its tests.
    pub(crate) fn suite(&mut self, mut suite: Suite) -> Suite {
        if suite.ran > 0 && self.config.require_suites.contains(&suite.name) {
            self.ran.insert(suite.name.clone());
        }
        let place = |finding: Finding| finding.in_file(&self.report.0).at_line(suite.line);
        let failures = suite.declared.failures.saturating_sub(suite.seen.failures);
        if failures > 0 {
            let message = format!("suite `{}` counts {failures} more failed than it shows", suite.name);
            self.findings.push(place(Finding::error("failed-test", message)));
        }
        let errors = suite.declared.errors.saturating_sub(suite.seen.errors);
        if errors > 0 {
            let message = format!("suite `{}` counts {errors} more errors than it shows", suite.name);
            self.findings.push(place(Finding::error("errored-test", message)));
        }
        let missing = suite.declared.tests.saturating_sub(suite.seen.tests);
        if missing > 0 {
            let message = format!("suite `{}` counts {missing} more tests than it shows", suite.name);
            self.findings.push(place(Finding::warning("missing-results", message)));
        }
        self.failures += failures;
        self.errors += errors;
        suite.seen.failures += failures;
        suite.seen.errors += errors;
        suite.seen.tests += missing;
        suite
    }

    /// The answer to all reports.
    pub(crate) fn judge(self, reports: usize) -> Evaluation {
        let Self {
            config, tests, passed, failures, errors, skipped, flaky, seconds, ran, mut findings, ..
        } = self;
        let executed = tests - skipped;
        if executed < config.min_tests {
            let message = format!("{} ran, at least {} should", counted_tests(executed), config.min_tests);
            findings.push(Finding::error("too-few-tests", message));
        }
        if let Some(limit) = config.max_skipped.filter(|limit| skipped > *limit) {
            let message = format!("{} skipped, at most {limit} may be", counted_tests(skipped));
            findings.push(Finding::error("too-many-skipped", message));
        }
        for suite in config.require_suites.iter().filter(|suite| !ran.contains(*suite)) {
            let message = format!("no test of the suite `{suite}` has run");
            findings.push(Finding::error("missing-suite", message));
        }
        // What is within the limits is shown all the same.
        let findings = findings.into_vec().into_iter().map(|finding| {
            let allowed = match finding.rule.as_str() {
                "failed-test" => failures <= config.max_failures,
                "errored-test" => errors <= config.max_errors,
                _ => false,
            };
            Finding { severity: if allowed { Severity::Warning } else { finding.severity }, ..finding }
        });
        // A suite may count failures that none of its tests shows.
        let all = counted_tests(tests.max(failures + errors));
        let summary = match (failures, errors) {
            (0, 0) if skipped == 0 => format!("{} passed", counted_tests(passed)),
            (0, 0) => format!("{} passed, {skipped} skipped", counted_tests(passed)),
            (failures, 0) => format!("{failures} of {all} failed"),
            (failures, errors) => {
                let errors = counted(usize::try_from(errors).unwrap_or(usize::MAX), "error", "errors");
                format!("{failures} of {all} failed, {errors}")
            }
        };
        Evaluation::judge(findings.collect(), summary)
            .output("reports", reports)
            .output("tests", tests)
            .output("passed", passed)
            .output("failures", failures)
            .output("errors", errors)
            .output("skipped", skipped)
            .output("flaky", flaky)
            .output("seconds", seconds)
    }
}

fn counted_tests(number: u64) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "test", "tests")
}

fn said(case: &Case, how: &str) -> String {
    if case.message.is_empty() {
        format!("`{}` {how}", case.name)
    } else {
        format!("`{}` {how}: {}", case.name, case.message)
    }
}

fn placed(finding: Finding, case: &Case) -> Finding {
    let finding = finding.in_file(&case.file);
    match case.line {
        Some(line) => finding.at_line(line),
        None => finding,
    }
}
