//! What scanners write, as vulnerabilities.
//!
//! One reader for each scanner. What is there has to have its type, what a scanner leaves out is
//! left out. A report of none of them is refused: an error message that
//! was saved instead of a report has no vulnerabilities either.

mod os;
mod python;
mod rust_and_js;

use runner_plugin::{Failure, Finding};
use runner_reading::Part;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::severity::Severity;

/// A scanner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// `trivy … --format json`.
    Trivy,
    /// `grype … -o json`.
    Grype,
    /// `osv-scanner … --format json`.
    OsvScanner,
    /// `cargo audit --json`.
    CargoAudit,
    /// `npm audit --json`, npm 7 and later.
    NpmAudit,
    /// `pip-audit -f json`.
    PipAudit,
    /// `safety check --output json`.
    Safety,
}

/// One vulnerability of one package.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vulnerability {
    pub(crate) id: String,
    /// Its other names.
    pub(crate) aliases: Vec<String>,
    pub(crate) package: String,
    pub(crate) version: String,
    pub(crate) severity: Severity,
    /// The version that has it no more.
    pub(crate) fix: Option<String>,
    /// One line.
    pub(crate) title: String,
}

/// What one report says.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) vulnerabilities: Vec<Vulnerability>,
    /// How many things were scanned, where the report says so.
    pub(crate) scanned: Option<u64>,
    /// What else it says.
    pub(crate) notes: Vec<Finding>,
}

/// Reads one report.
pub(crate) fn read(path: &str, value: &Value, format: Option<Format>) -> Result<Report, Failure> {
    let report = Part::whole(path, value);
    let format = match format.or_else(|| detect(value)) {
        Some(format) => format,
        None => {
            return Err(report.refuse("this is not the report of a scanner that is known; `format` names it"));
        }
    };
    match format {
        Format::Trivy => os::trivy(&report),
        Format::Grype => os::grype(&report),
        Format::OsvScanner => os::osv_scanner(&report),
        Format::CargoAudit => rust_and_js::cargo_audit(&report),
        Format::NpmAudit => rust_and_js::npm_audit(&report),
        Format::PipAudit => python::pip_audit(&report),
        Format::Safety => python::safety(&report),
    }
}

/// Which scanner wrote it, by keys that no other one writes.
fn detect(value: &Value) -> Option<Format> {
    let has = |keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    if has(&["SchemaVersion", "ArtifactName"]) {
        Some(Format::Trivy)
    } else if has(&["matches", "descriptor"]) {
        Some(Format::Grype)
    } else if has(&["lockfile", "vulnerabilities"]) {
        Some(Format::CargoAudit)
    } else if has(&["auditReportVersion"]) {
        Some(Format::NpmAudit)
    } else if has(&["report_meta", "vulnerabilities"]) {
        Some(Format::Safety)
    } else if has(&["dependencies", "fixes"]) {
        Some(Format::PipAudit)
    } else if value.get("results").is_some_and(Value::is_array) {
        Some(Format::OsvScanner)
    } else {
        None
    }
}
