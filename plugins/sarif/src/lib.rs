//! Gate: what analysers found, as SARIF 2.1.0, stays below the ceilings.
//!
//! ```text
//! file --report--> Found (level, security severity, place, suppressed, new) --judge--> findings and counts
//! ```
//!
//! `report` resolves what the format leaves to its reader: the level of a result comes from the result, its rule or the
//! standard's default. This file leaves out what the step does not want to see and holds the ceilings.
//!
//! A tool that says that it did not get to the end makes the gate say no, however few results there are.

mod report;

use fast_glob::glob_match;
use runner_plugin::document::{self, Format};
use runner_plugin::text::counted;
use runner_plugin::{Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity};
use schemars::JsonSchema;
use serde::Deserialize;

use report::{Found, Level, Place, Run};

/// Most results that are shown. An answer may hold 1 MiB, and rules are named by the report.
const SHOWN: u64 = 1_000;

/// Which reports, and how much of what they may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Reports: paths, directories (`reports/`) or patterns (`reports/*.sarif`). Each has to match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// How many results of each level there may be. A level that is not named may have any number.
    #[serde(default)]
    max: Levels,
    /// How many results of each security severity there may be (`security-severity` of their rules: critical from 9,
    /// high from 7, medium from 4, low above 0).
    #[serde(default)]
    max_security: Securities,
    /// Only results of these rules count: ids or patterns (`py/*`).
    #[serde(default)]
    only_rules: Vec<String>,
    /// Results of these rules do not count: ids or patterns.
    #[serde(default)]
    ignore_rules: Vec<String>,
    /// Results in these files do not count: paths or patterns (`tests/**`).
    #[serde(default)]
    ignore_files: Vec<String>,
    /// Whether results that somebody has suppressed count all the same.
    #[serde(default)]
    count_suppressed: bool,
    /// Whether only results count that are new against the baseline that the tool was given.
    #[serde(default)]
    new_only: bool,
    /// Names of tools that have to have run.
    #[serde(default)]
    tools: Vec<String>,
}

/// How many results of each level there may be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Levels {
    /// Results of level `error`.
    #[serde(default = "none_at_all")]
    error: Option<u64>,
    /// Results of level `warning`.
    warning: Option<u64>,
    /// Results of level `note`.
    note: Option<u64>,
}

impl Default for Levels {
    fn default() -> Self {
        Self { error: none_at_all(), warning: None, note: None }
    }
}

fn none_at_all() -> Option<u64> {
    Some(0)
}

/// How many results of each security severity there may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Securities {
    /// Results from 9.0.
    critical: Option<u64>,
    /// Results from 7.0, below 9.0.
    high: Option<u64>,
    /// Results from 4.0, below 7.0.
    medium: Option<u64>,
    /// Results above 0, below 4.0.
    low: Option<u64>,
}

/// The gate.
#[derive(Debug)]
pub struct Sarif;

impl Gate for Sarif {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &[
        "results",
        "errors",
        "warnings",
        "notes",
        "critical",
        "high",
        "medium",
        "low",
        "suppressed",
        "unchanged",
    ];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let mut tally = Tally::default();
        for path in host.files().find(&config.files)? {
            let log = document::read(&host.files(), &path, Some(Format::Json))?;
            for run in report::runs(&path, &log)? {
                tally.add(&config, &path, run);
            }
        }
        Ok(tally.judge(&config))
    }
}

/// All runs so far.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    tools: Vec<String>,
    /// Runs that cannot be believed, as findings.
    broken: Vec<Finding>,
    /// Runs in which the tool did not look for results at all.
    idle: Vec<String>,
    /// Results that count, as many as are shown.
    found: Vec<Found>,
    levels: [u64; 3],
    securities: [u64; 4],
    suppressed: u64,
    unchanged: u64,
}

impl Tally {
    fn add(&mut self, config: &Config, path: &str, run: Run) {
        self.runs += 1;
        if let Some(problem) = run.broken {
            let message = format!("`{}` did not get to its end: {problem}", run.tool);
            let finding = Finding::error("tool-failed", message).in_file(path);
            self.broken.push(finding.help("run the tool again; its results are not complete"));
        }
        match run.results {
            None => self.idle.push(run.tool.clone()),
            Some(results) => results.into_iter().for_each(|found| self.result(config, found)),
        }
        self.tools.push(run.tool);
    }

    fn result(&mut self, config: &Config, found: Found) {
        let matches = |patterns: &[String], text: &str| {
            patterns.iter().any(|pattern| pattern == text || glob_match(pattern, text))
        };
        let wanted = config.only_rules.is_empty() || matches(&config.only_rules, &found.rule);
        let file = found.place.file.as_deref();
        if !wanted
            || matches(&config.ignore_rules, &found.rule)
            || file.is_some_and(|file| matches(&config.ignore_files, file))
        {
            return;
        }
        if found.suppressed && !config.count_suppressed {
            self.suppressed += 1;
            return;
        }
        if config.new_only && !found.new {
            self.unchanged += 1;
            return;
        }
        self.levels[found.level.index()] += 1;
        if let Some(index) = found.security.and_then(security_index) {
            self.securities[index] += 1;
        }
        if self.levels.iter().sum::<u64>() <= SHOWN {
            self.found.push(found);
        }
    }

    fn judge(self, config: &Config) -> Evaluation {
        let Levels { error, warning, note } = config.max;
        let Securities { critical, high, medium, low } = config.max_security;
        let too_many_of = |ceilings: &[(&str, Option<u64>)], counts: &[u64]| {
            let over = ceilings.iter().zip(counts).filter_map(|((name, ceiling), count)| {
                let ceiling = (*ceiling).filter(|ceiling| count > ceiling)?;
                let results = counted(usize::try_from(*count).unwrap_or(usize::MAX), "result", "results");
                let message = format!("{results} of {name}, at most {ceiling} may be");
                Some(Finding::error("too-many-results", message))
            });
            over.collect::<Vec<_>>()
        };
        let levels = [("level `error`", error), ("level `warning`", warning), ("level `note`", note)];
        let securities = [
            ("security severity `critical`", critical),
            ("security severity `high`", high),
            ("security severity `medium`", medium),
            ("security severity `low`", low),
        ];
        let mut findings = Findings::new();
        findings.extend(too_many_of(&levels, &self.levels));
        findings.extend(too_many_of(&securities, &self.securities));
        findings.extend(self.broken);
        for tool in config.tools.iter().filter(|tool| !self.tools.contains(tool)) {
            let tools = self.tools.iter().map(|tool| format!("`{tool}`")).collect::<Vec<_>>().join(", ");
            let message = format!("no report is of the tool `{tool}`; there are reports of {tools}");
            findings.push(Finding::error("missing-tool", message));
        }
        for found in self.found {
            let over_level =
                levels[found.level.index()].1.is_some_and(|max| self.levels[found.level.index()] > max);
            let over_security = found
                .security
                .and_then(security_index)
                .is_some_and(|index| securities[index].1.is_some_and(|max| self.securities[index] > max));
            findings.push(found.finding(over_level || over_security));
        }
        let total: u64 = self.levels.iter().sum();
        if total > SHOWN {
            let message = format!("{} more results are not shown", total - SHOWN);
            findings.push(Finding::note("more-results", message));
        }
        let mut idle = self.idle;
        if self.runs == 0 {
            idle.push("no tool".to_owned());
        }
        let no = findings.count_of(Severity::Error) > 0;
        let results = counted(usize::try_from(total).unwrap_or(usize::MAX), "result", "results");
        let summary = match total {
            0 => "no results".to_owned(),
            _ => format!("{results}, {} of level `error`", self.levels[0]),
        };
        let mut evaluation = Evaluation::judge(findings.into_vec(), summary);
        if !idle.is_empty() && !no {
            evaluation.decision = Decision::Inconclusive;
            evaluation.summary = format!("nothing was looked for by {}", idle.join(", "));
        }
        let [errors, warnings, notes] = self.levels;
        let [critical, high, medium, low] = self.securities;
        [
            ("results", total),
            ("errors", errors),
            ("warnings", warnings),
            ("notes", notes),
            ("critical", critical),
            ("high", high),
            ("medium", medium),
            ("low", low),
            ("suppressed", self.suppressed),
            ("unchanged", self.unchanged),
        ]
        .into_iter()
        .fold(evaluation, |evaluation, (name, count)| evaluation.output(name, count))
    }
}

impl Level {
    fn index(self) -> usize {
        match self {
            Self::Error => 0,
            Self::Warning => 1,
            Self::Note => 2,
        }
    }
}

fn security_index(score: f64) -> Option<usize> {
    match score {
        score if score >= 9.0 => Some(0),
        score if score >= 7.0 => Some(1),
        score if score >= 4.0 => Some(2),
        score if score > 0.0 => Some(3),
        _ => None,
    }
}

impl Found {
    /// The result as a finding: a reason for a "no" only where a ceiling is broken.
    fn finding(self, over: bool) -> Finding {
        let severity = match (over, self.level) {
            (true, _) => Severity::Error,
            (false, Level::Error | Level::Warning) => Severity::Warning,
            (false, Level::Note) => Severity::Note,
        };
        let Place { file, line, column } = self.place;
        Finding { file, line, column, help: self.help, ..Finding::new(severity, self.rule, self.message) }
    }
}

runner_plugin::export_gate!(Sarif);

#[cfg(test)]
mod tests;
