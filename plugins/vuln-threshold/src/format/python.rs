//! The auditors of Python: pip-audit and safety.

use runner_plugin::{Failure, Finding};
use runner_reading::Part;
use serde_json::Value;

use super::{Report, Vulnerability};
use crate::severity::Severity;

/// pip-audit. Its reports say no severity, so all of them are unknown.
pub(super) fn pip_audit(report: &Part<'_>) -> Result<Report, Failure> {
    let mut all = Report::default();
    let dependencies = report.required_list("dependencies")?;
    let mut scanned = 0;
    for dependency in dependencies {
        let name = dependency.required_text("name")?;
        let reason = dependency.line("skip_reason")?;
        if !reason.is_empty() {
            let message = format!("`{name}` was not scanned: {reason}");
            all.notes.push(Finding::warning("not-scanned", message));
            continue;
        }
        scanned += 1;
        for found in dependency.required_list("vulns")? {
            let fix = found.texts("fix_versions")?.join(" or ");
            all.vulnerabilities.push(Vulnerability {
                id: found.required_text("id")?.to_owned(),
                aliases: found.texts("aliases")?,
                package: name.to_owned(),
                version: dependency.text("version")?.unwrap_or_default().to_owned(),
                severity: Severity::Unknown,
                fix: Some(fix).filter(|fix| !fix.is_empty()),
                title: found.line("description")?,
            });
        }
    }
    all.scanned = Some(scanned);
    Ok(all)
}

/// safety. What its own policy ignores stands in another list and does not count.
pub(super) fn safety(report: &Part<'_>) -> Result<Report, Failure> {
    let scanned = report.required("report_meta")?.count("packages_found")?;
    let mut all = Report { scanned, ..Report::default() };
    for found in report.required_list("vulnerabilities")? {
        let severity = found.object("severity")?;
        let fix = found.texts("fixed_versions")?.join(" or ");
        let other = found.text("CVE")?.unwrap_or_default().to_owned();
        all.vulnerabilities.push(Vulnerability {
            id: found.required_text("vulnerability_id")?.to_owned(),
            aliases: Some(other).filter(|id| !id.is_empty()).into_iter().collect(),
            package: found.required_text("package_name")?.to_owned(),
            version: found.text("analyzed_version")?.unwrap_or_default().to_owned(),
            severity: severity.map_or(Severity::Unknown, |severity| safety_severity(severity.value())),
            fix: Some(fix).filter(|fix| !fix.is_empty()),
            title: found.line("advisory")?,
        });
    }
    Ok(all)
}

fn safety_severity(severity: &Value) -> Severity {
    let Some(cvss) = severity.get("cvssv3").filter(|cvss| cvss.is_object()) else {
        let score = severity.pointer("/cvssv2/base_score").and_then(Value::as_f64);
        return score.map_or(Severity::Unknown, Severity::of_score);
    };
    let text = |key: &str| cvss.get(key).and_then(Value::as_str).unwrap_or_default();
    Severity::of_word(text("base_severity"))
        .or(|| cvss.get("base_score").and_then(Value::as_f64).map_or(Severity::Unknown, Severity::of_score))
        .or(|| Severity::of_vector(text("vector_string")))
}
