//! What coverage tools write, as lines and branches.
//!
//! Totals that a report gives itself are not read: they are those of the tool's own rules, and nobody could see what a
//! gate that believed them was about.

mod go;
mod lcov;
mod xml;

use runner_plugin::Failure;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::Coverage;

/// Which kind of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Cobertura XML: coverage.py, cargo-llvm-cov, tarpaulin, coverlet, istanbul, …
    Cobertura,
    /// JaCoCo XML.
    Jacoco,
    /// lcov tracefile: lcov, cargo-llvm-cov, istanbul, …
    Lcov,
    /// `go test -coverprofile`.
    Go,
}

/// Reads one report into `coverage`.
pub(crate) fn read(
    path: &str,
    text: &str,
    format: Option<Format>,
    coverage: &mut Coverage,
) -> Result<(), Failure> {
    let Some(format) = format.or_else(|| detect(text)) else {
        return Err(Failure::invalid_input(format!(
            "`{path}`: this is not a coverage report that is known; `format` names it"
        )));
    };
    match format {
        Format::Cobertura => xml::cobertura(path, text, coverage),
        Format::Jacoco => xml::jacoco(path, text, coverage),
        Format::Lcov => lcov::read(path, text, coverage),
        Format::Go => go::read(path, text, coverage),
    }
}

/// What a report is, by how it begins.
fn detect(text: &str) -> Option<Format> {
    let text = text.trim_start();
    if text.starts_with('<') {
        // The outermost element, after the declarations.
        let element = text
            .match_indices('<')
            .map(|(at, _)| &text[at + 1..])
            .find(|rest| !rest.starts_with(['?', '!']))?;
        return match element.split(|sign: char| !sign.is_alphanumeric()).next()? {
            "coverage" => Some(Format::Cobertura),
            "report" => Some(Format::Jacoco),
            _ => None,
        };
    }
    let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
    if line.starts_with("mode:") {
        Some(Format::Go)
    } else if line.starts_with("TN:") || line.starts_with("SF:") {
        Some(Format::Lcov)
    } else {
        None
    }
}

/// A failure whose place is a line.
fn refuse(path: &str, line: usize, problem: &str) -> Failure {
    Failure::invalid_input(format!("`{path}` line {line}: {problem}"))
}
