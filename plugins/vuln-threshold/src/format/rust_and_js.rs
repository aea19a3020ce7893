//! The auditors of two package managers: cargo-audit and npm audit.

use runner_plugin::{Failure, Finding};
use runner_reading::Part;
use serde_json::Value;

use super::{Report, Vulnerability};
use crate::severity::Severity;

/// cargo-audit: advisories of RustSec, and warnings that are no vulnerabilities.
pub(super) fn cargo_audit(report: &Part<'_>) -> Result<Report, Failure> {
    let scanned = report.required("lockfile")?.count("dependency-count")?;
    let mut all = Report { scanned, ..Report::default() };
    for found in report.required("vulnerabilities")?.required_list("list")? {
        let advisory = found.required("advisory")?;
        let package = found.required("package")?;
        let fix = match found.object("versions")? {
            Some(versions) => versions.texts("patched")?.join(" or "),
            None => String::new(),
        };
        all.vulnerabilities.push(Vulnerability {
            id: advisory.required_text("id")?.to_owned(),
            aliases: advisory.texts("aliases")?,
            package: package.required_text("name")?.to_owned(),
            version: package.text("version")?.unwrap_or_default().to_owned(),
            severity: Severity::of_vector(advisory.text("cvss")?.unwrap_or_default()),
            fix: Some(fix).filter(|fix| !fix.is_empty()),
            title: advisory.line("title")?,
        });
    }
    let Some(warnings) = report.object("warnings")? else { return Ok(all) };
    for (kind, _) in warnings.entries()? {
        for warning in warnings.list(kind)? {
            let package = warning.required("package")?;
            let (name, version) =
                (package.required_text("name")?, package.text("version")?.unwrap_or_default());
            let advisory = warning.object("advisory")?;
            let title = advisory.map(|advisory| advisory.line("title")).transpose()?.unwrap_or_default();
            let title = if title.is_empty() { String::new() } else { format!(": {title}") };
            let message = format!("`{name}` {version} is {kind}{title}");
            all.notes.push(Finding::note("cargo-audit-warning", message));
        }
    }
    Ok(all)
}

/// npm audit: packages, with the advisories that concern them. A package that only depends on a vulnerable one names it
/// instead, and is not counted again.
pub(super) fn npm_audit(report: &Part<'_>) -> Result<Report, Failure> {
    if report.value().get("auditReportVersion").and_then(Value::as_u64) != Some(2) {
        return Err(report.refuse("its `auditReportVersion` is not 2, the one of npm 7 and later"));
    }
    let dependencies = report.pointer("/metadata/dependencies");
    let scanned = dependencies.map(|dependencies| dependencies.count("total")).transpose()?.flatten();
    let mut all = Report { scanned, ..Report::default() };
    for (name, package) in report.required("vulnerabilities")?.entries()? {
        let via = package.get("via").ok_or_else(|| package.refuse("it has no `via`"))?;
        let fixable = package
            .value()
            .get("fixAvailable")
            .is_some_and(|fix| *fix != Value::Bool(false) && !fix.is_null());
        let fixed = package.value().pointer("/fixAvailable").map(npm_fix).unwrap_or_default();
        for advisory in via.items()?.into_iter().filter(|advisory| !advisory.value().is_string()) {
            if !advisory.value().is_object() {
                return Err(advisory.is_not("an advisory or the name of a package"));
            }
            let url = advisory.text("url")?.unwrap_or_default();
            let source = advisory.value().get("source").map(ToString::to_string).unwrap_or_default();
            let id = match url.rsplit('/').next().filter(|id| !id.is_empty()) {
                Some(id) => id.to_owned(),
                None if source.is_empty() => return Err(advisory.refuse("it has neither `url` nor `source`")),
                None => source.clone(),
            };
            let score =
                advisory.value().pointer("/cvss/score").and_then(Value::as_f64).filter(|score| *score > 0.0);
            let word = Severity::of_word(advisory.text("severity")?.unwrap_or_default());
            all.vulnerabilities.push(Vulnerability {
                id,
                aliases: Some(source).filter(|source| !source.is_empty()).into_iter().collect(),
                package: name.to_owned(),
                version: advisory.text("range")?.unwrap_or_default().to_owned(),
                severity: word.or(|| score.map_or(Severity::Unknown, Severity::of_score)),
                fix: fixable.then(|| fixed.clone()),
                title: advisory.line("title")?,
            });
        }
    }
    Ok(all)
}

/// What npm would install instead.
fn npm_fix(fix: &Value) -> String {
    let text = |key: &str| fix.get(key).and_then(Value::as_str);
    match (text("name"), text("version")) {
        (Some(name), Some(version)) => format!("`{name}` {version}"),
        _ => "what `npm audit fix` installs".to_owned(),
    }
}
