//! Gate: enough of the code is covered by tests.
//!
//! ```text
//! files --format--> Coverage (lines and branches of each source file) --judge--> findings
//! diff --changed--> lines that were added ------------------------------^
//! ```
//!
//! `format` reads what coverage tools write, `data` joins several reports of the same files, `changed` reads a diff,
//! `judge` holds the bounds. All are pure.
//!
//! Every bound says what it means: `at_least: 90` holds at 90 exactly, `above: 90` does not. Nothing measured is never
//! enough: without a line that could be covered the answer is a "no".

mod changed;
mod data;
mod format;
mod judge;

use fast_glob::glob_match;
use runner_evidence::Bounds;
use runner_plugin::{Evaluation, Failure, Gate, Host, Request};
use schemars::JsonSchema;
use serde::Deserialize;

use data::Coverage;
use format::Format;

/// Which reports, and how much has to be covered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Reports: paths, directories or patterns. Each has to match a file. What several of them say is joined.
    #[schemars(length(min = 1))]
    files: Vec<String>,
    /// Which tool wrote them. Without it each report tells.
    format: Option<Format>,
    /// How many percent of the lines have to be covered (of the statements, in reports of Go).
    lines: Option<Bounds>,
    /// How many percent of the branches have to be covered.
    branches: Option<Bounds>,
    /// What has to hold for each single file.
    #[serde(default)]
    per_file: Vec<PerFile>,
    /// What has to hold for the lines of a change.
    changed: Option<Changed>,
    /// Source files that do not count: paths or patterns, as they are after `strip_prefix` and `add_prefix`.
    #[serde(default)]
    ignore: Vec<String>,
    /// What is taken away from the beginning of each path in a report: `/home/ci/work/`, `example.com/module/`.
    strip_prefix: Option<String>,
    /// What is put before each path in a report: `src/main/java/`.
    add_prefix: Option<String>,
}

/// What has to hold for each of some files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PerFile {
    /// The files: a path or pattern that matches at least one file of the reports.
    files: String,
    /// How many percent of the lines of each have to be covered.
    lines: Option<Bounds>,
    /// How many percent of the branches of each have to be covered.
    branches: Option<Bounds>,
}

/// What has to hold for the lines of a change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Changed {
    /// A file with a unified diff, as of `git diff main...`.
    diff: String,
    /// How many percent of the lines that were added have to be covered.
    lines: Bounds,
    /// Files that have to be in the reports when they were changed: paths or patterns.
    #[serde(default)]
    files: Vec<String>,
    /// Whether the change may have no line that could be covered.
    #[serde(default)]
    allow_none: bool,
}

/// The gate.
#[derive(Debug)]
pub struct CoverageGate;

impl Gate for CoverageGate {
    type Config = Config;
    const OUTPUTS: &'static [&'static str] = &[
        "files",
        "lines",
        "lines_covered",
        "lines_percent",
        "branches",
        "branches_percent",
        "changed",
        "changed_percent",
    ];

    fn evaluate(config: Config, _: &Request, host: &Host) -> Result<Evaluation, Failure> {
        config.check()?;
        let mut coverage = Coverage::default();
        for path in host.files().find(&config.files)? {
            let mut report = Coverage::default();
            format::read(&path, &host.files().read_to_string(&path)?, config.format, &mut report)?;
            if report.is_empty() {
                return Err(Failure::invalid_input(format!("`{path}`: there is no source file in it")));
            }
            coverage.join(report, |path| config.source_path(path));
        }
        let coverage = coverage.finished();
        let change = match &config.changed {
            None => None,
            Some(changed) => {
                Some(changed::read(&changed.diff, &host.files().read_to_string(&changed.diff)?)?)
            }
        };
        Ok(judge::judge(&config, &coverage, change.as_ref()))
    }
}

impl Config {
    /// Says what a schema cannot.
    fn check(&self) -> Result<(), Failure> {
        let per_file = self.per_file.iter();
        let per_file = per_file.flat_map(|rule| [("`lines`", &rule.lines), ("`branches`", &rule.branches)]);
        let total = [("`lines`", &self.lines), ("`branches`", &self.branches)];
        for (key, bounds) in total.into_iter().chain(per_file) {
            bounds.as_ref().map_or(Ok(()), |bounds| bounds.check(key))?;
        }
        if let Some(changed) = &self.changed {
            changed.lines.check("`changed.lines`")?;
        }
        let asked = self.lines.is_some() || self.branches.is_some() || self.changed.is_some();
        let asked = asked || self.per_file.iter().any(|rule| rule.lines.is_some() || rule.branches.is_some());
        if !asked {
            return Err(Failure::invalid_config(
                "nothing has to be covered: there is none of `lines`, `branches`, `per_file` and `changed`",
            ));
        }
        Ok(())
    }

    /// The path of a source file as the pipeline knows it; `None` for one that does not count.
    fn source_path(&self, path: &str) -> Option<String> {
        let path = path.replace('\\', "/");
        let path = path.strip_prefix(self.strip_prefix.as_deref().unwrap_or_default()).unwrap_or(&path);
        let path = path.trim_start_matches("./");
        let path = format!("{}{path}", self.add_prefix.as_deref().unwrap_or_default());
        (!matches(&self.ignore, &path)).then_some(path)
    }
}

/// Whether a path is one of several paths or patterns.
fn matches(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| pattern == path || glob_match(pattern, path))
}

runner_plugin::export_gate!(CoverageGate);

#[cfg(test)]
mod tests;
