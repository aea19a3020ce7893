//! Gate: known vulnerabilities stay below the ceilings.
//!
//! ```text
//! file --format--> Vulnerability (ids, package, severity, fix) --ignore list--> counts --ceilings--> findings
//! ```
//!
//! `format` has one reader for each scanner, `severity` makes one scale of theirs, `ignore` holds what the step has
//! decided to live with, and until when. All are pure.
//!
//! A severity that a scanner does not know counts as one of its own, never as none.

mod format;
mod ignore;
mod severity;

use std::collections::BTreeMap;

use runner_plugin::document::{self, Format as Notation};
use runner_plugin::text::counted;
use runner_plugin::{
    Decision, Evaluation, Failure, Finding, Findings, Gate, Host, Request, Severity as Weight,
};
use schemars::JsonSchema;
use serde::Deserialize;

use format::{Format, Vulnerability};
use ignore::{Ignore, Ignores};
use severity::Severity;

/// Which reports, and how many vulnerabilities there may be in them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Reports of scanners, as JSON: paths, directories or patterns. Each has to match a file.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// Which scanner wrote them. Without it each report tells.
    format: Option<Format>,
    /// How many vulnerabilities of each severity there may be.
    #[serde(default)]
    max: Ceilings,
    /// Whether only vulnerabilities count for which there is a fix.
    #[serde(default)]
    fixable_only: bool,
    /// Vulnerabilities that do not count for now.
    #[serde(default)]
    ignore: Vec<Ignore>,
    /// Whether a report may say that nothing was scanned.
    #[serde(default)]
    allow_empty: bool,
}

/// How many vulnerabilities of each severity there may be. `null` is any number.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Ceilings {
    /// CVSS from 9.0.
    critical: Option<u64>,
    /// CVSS from 7.0.
    high: Option<u64>,
    /// CVSS from 4.0; `moderate` of npm.
    medium: Option<u64>,
    /// All below; `negligible` and `info` too.
    low: Option<u64>,
    /// Those of which the report says no severity.
    unknown: Option<u64>,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self { critical: Some(0), high: Some(0), medium: None, low: None, unknown: Some(0) }
    }
}

impl Ceilings {
    fn of(&self, severity: Severity) -> Option<u64> {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Unknown => self.unknown,
        }
    }
}

/// The gate.
#[derive(Debug)]
pub struct VulnThreshold;

impl Gate for VulnThreshold {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] =
        &["vulnerabilities", "critical", "high", "medium", "low", "unknown", "ignored", "without_fix"];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        let ignores = Ignores::new(&config.ignore, host)?;
        let mut tally = Tally::new(&config, ignores);
        for path in host.files().find(&config.files)? {
            let value = document::read(&host.files(), &path, Some(Notation::Json))?;
            let report = format::read(&path, &value, config.format)?;
            if report.scanned == Some(0) {
                tally.empty.push(path.clone());
            }
            tally.notes.extend(report.notes);
            report.vulnerabilities.into_iter().for_each(|found| tally.add(&path, found));
        }
        Ok(tally.judge())
    }
}

/// All reports so far.
#[derive(Debug)]
struct Tally<'c> {
    config: &'c Config,
    ignores: Ignores<'c>,
    /// Each vulnerability once, by id, package and version: scanners report one for each place it is in.
    found: BTreeMap<(String, String, String), (String, Vulnerability)>,
    /// What else the reports say.
    notes: Findings,
    /// Reports in which nothing was scanned.
    empty: Vec<String>,
}

impl<'c> Tally<'c> {
    fn new(config: &'c Config, ignores: Ignores<'c>) -> Self {
        Self { config, ignores, found: BTreeMap::new(), notes: Findings::new(), empty: Vec::new() }
    }

    fn add(&mut self, path: &str, found: Vulnerability) {
        let key = (found.id.clone(), found.package.clone(), found.version.clone());
        let entry = self.found.entry(key).or_insert_with(|| (path.to_owned(), found.clone()));
        // The worse of two opinions, and a fix that one of them knows.
        entry.1.severity = entry.1.severity.min(found.severity);
        entry.1.fix = entry.1.fix.take().or(found.fix);
    }

    fn judge(mut self) -> Evaluation {
        let (mut ignored, mut without_fix) = (0_u64, 0_u64);
        let mut counts: BTreeMap<Severity, u64> =
            Severity::ALL.into_iter().map(|severity| (severity, 0)).collect();
        let mut counted_ones = Vec::new();
        for (path, found) in std::mem::take(&mut self.found).into_values() {
            if self.ignores.cover(&found) {
                ignored += 1;
            } else if self.config.fixable_only && found.fix.is_none() {
                without_fix += 1;
            } else {
                *counts.entry(found.severity).or_default() += 1;
                counted_ones.push((path, found));
            }
        }
        let mut findings = Findings::new();
        let mut over = Vec::new();
        for (severity, count) in &counts {
            if let Some(ceiling) = self.config.max.of(*severity).filter(|ceiling| count > ceiling) {
                let message =
                    format!("{} of severity `{severity}`, at most {ceiling} may be", vulnerabilities(*count));
                findings.push(Finding::error("too-many-vulnerabilities", message));
                over.push(*severity);
            }
        }
        counted_ones.sort_by_key(|(_, found)| found.severity);
        for (path, found) in counted_ones {
            let weight = if over.contains(&found.severity) {
                Weight::Error
            } else if self.config.max.of(found.severity).is_some() {
                Weight::Warning
            } else {
                Weight::Note
            };
            findings.push(found.finding(weight).in_file(path));
        }
        findings.extend(self.ignores.findings());
        findings.extend(self.notes.into_vec());
        let total: u64 = counts.values().sum();
        let summary = if total == 0 {
            "no vulnerabilities".to_owned()
        } else {
            let parts = counts.iter().filter(|(_, count)| **count > 0);
            let parts: Vec<String> = parts.map(|(severity, count)| format!("{count} {severity}")).collect();
            format!("{}: {}", vulnerabilities(total), parts.join(", "))
        };
        let failed = findings.count_of(Weight::Error) > 0;
        let mut evaluation = Evaluation::judge(findings.into_vec(), summary);
        if !self.empty.is_empty() && !self.config.allow_empty && !failed {
            evaluation.decision = Decision::Inconclusive;
            evaluation.summary = format!("nothing was scanned for `{}`", self.empty.join("`, `"));
        }
        let evaluation = evaluation.output("vulnerabilities", total);
        counts
            .into_iter()
            .fold(evaluation, |evaluation, (severity, count)| evaluation.output(severity.to_string(), count))
            .output("ignored", ignored)
            .output("without_fix", without_fix)
    }
}

impl Vulnerability {
    fn finding(&self, weight: Weight) -> Finding {
        let Self { id, package, version, title, .. } = self;
        let title = if title.is_empty() { String::new() } else { format!(": {title}") };
        let message = format!("`{package}` {version} has {id}{title}");
        let finding = Finding::new(weight, format!("{}-vulnerability", self.severity), message);
        finding.help(match &self.fix {
            Some(fix) => format!("update to {fix}"),
            None => "no fix is known".to_owned(),
        })
    }
}

fn vulnerabilities(number: u64) -> String {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "vulnerability", "vulnerabilities")
}

runner_plugin::export_gate!(VulnThreshold);

#[cfg(test)]
mod tests;
